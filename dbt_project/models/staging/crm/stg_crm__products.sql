with source as (
    select * from {{ source("raw_crm", "products") }}
),

renamed as (
    select
        -- ids
        id as product_id,

        -- text
        sku,
        name,
        category,
        currency::text as currency,

        -- numbers
        price,

        -- flags
        is_active,

        -- times
        created_at,
        updated_at,
        _extracted_at as extracted_at,
        _deleted_at as deleted_at
    from source
)

select * from renamed
