with source as (
    select * from {{ source("landing", "events") }}
),

renamed as (
    select
        -- ids
        contact_id,
        source_key,

        -- text
        event_name,
        currency,

        -- numbers
        value,

        -- free form
        properties,

        -- times
        occurred_at,
        received_at
    from source
)

select * from renamed
