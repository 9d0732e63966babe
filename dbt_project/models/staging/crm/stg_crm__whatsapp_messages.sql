with source as (
    select * from {{ source("raw_crm", "whatsapp_messages") }}
),

renamed as (
    select
        -- ids
        id as whatsapp_message_id,
        customer_id,

        -- text
        direction,
        status,
        body,

        -- times
        sent_at,
        updated_at,
        _extracted_at as extracted_at,
        _deleted_at as deleted_at
    from source
)

select * from renamed
