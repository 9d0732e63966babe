with source as (
    select * from {{ source("activation", "campaign_messages") }}
),

renamed as (
    select
        message_id,
        campaign_run_id,
        campaign_id,
        contact_id,
        channel,
        state,
        reason,
        created_at,
        sent_at
    from source
)

select * from renamed
