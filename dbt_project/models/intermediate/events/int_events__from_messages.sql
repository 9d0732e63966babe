with message_events as (
    select *
    from {{ ref("stg_message_log__message_events") }}
    where type not in ('queued', 'sent') -- that it was sent, the message itself tells
),

moments as (
    select
        contact_id,
        recorded_at,
        occurred_at,
        'email_' || type as event_name,
        message_event_id::text as source_key,
        jsonb_build_object(
            'message_id', message_id, 'campaign_id', campaign_id, 'provider', provider
        ) as properties
    from message_events
),

events as (
    select
        {{ surrogate_key(["event_name", "source_key"]) }} as event_id,
        contact_id,
        event_name,
        occurred_at,
        'engage.messages' as source,
        source_key,
        null::numeric as value,
        null::text as currency,
        properties,
        recorded_at
    from moments
)

select * from events
