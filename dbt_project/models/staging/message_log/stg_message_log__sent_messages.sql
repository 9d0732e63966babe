with source as (
    select * from {{ source("message_log", "campaign_messages") }}
),

renamed as (
    select
        -- ids
        message_id,
        campaign_id,
        contact_id,

        -- text
        channel,
        provider,

        -- times
        sent_at,
        sent_learned_at
    from source
    where sent_at is not null and state in ('sent', 'delivered', 'bounced')
)

select * from renamed
