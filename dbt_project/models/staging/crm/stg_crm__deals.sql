with source as (
    select * from {{ source("raw_crm", "deals") }}
),

renamed as (
    select
        -- ids
        id as deal_id,
        customer_id,

        -- text
        title,
        stage,
        currency::text as currency,
        owner_name,

        -- numbers
        amount,

        -- history
        stage_history,

        -- times
        created_at,
        closed_at,
        updated_at,
        _extracted_at as extracted_at,
        _deleted_at as deleted_at
    from source
)

select * from renamed
