with message_events as (
    select * from {{ ref("stg_message_log__message_events") }}
),

events as (
    select
        {{ event_id("'email_' || type", "message_event_id::text") }} as event_id,
        contact_id,
        'email_' || type as event_name,
        occurred_at,
        'engage.messages' as source,
        message_event_id::text as source_key,
        null::numeric as value,
        null::text as currency,
        jsonb_build_object('message_id', message_id, 'campaign_id', campaign_id, 'provider', provider) as properties,
        recorded_at
    from message_events
)

select * from events
