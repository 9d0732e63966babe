with sent_messages as (
    select * from {{ ref("stg_message_log__sent_messages") }}
),

moments as (
    select
        contact_id,
        channel || '_sent' as event_name,
        sent_at as occurred_at,
        'sent/' || message_id as source_key,
        jsonb_build_object(
            'message_id', message_id, 'campaign_id', campaign_id, 'provider', provider
        ) as properties
    from sent_messages
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
        occurred_at as recorded_at
    from moments
)

select * from events
