with source as (
    select * from {{ source("activation", "campaign_messages") }}
),

renamed as (
    select
        -- ids
        message_id,
        campaign_run_id,
        campaign_id,
        contact_id,

        -- text
        channel,
        state,
        reason,
        provider,
        lower(split_part(address, '@', 2)) as recipient_domain, -- of the address no more than that

        -- times
        created_at,
        sent_at
    from source
)

select * from renamed
