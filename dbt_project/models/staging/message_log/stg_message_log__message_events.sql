with source as (
    select * from {{ source("message_log", "message_events") }}
),

renamed as (
    select
        -- ids
        message_event_id,
        message_id,
        campaign_id,
        contact_id,

        -- text
        type,
        provider,
        provider_event_id,

        -- history
        detail,

        -- times
        occurred_at,
        recorded_at
    from source
)

select * from renamed
