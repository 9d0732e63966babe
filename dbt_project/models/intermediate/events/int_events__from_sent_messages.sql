-- not materialized: who asks for one contact, or for what is new, must not read all messages
with sent_messages as not materialized (
    select * from {{ ref("stg_message_log__sent_messages") }}
),

-- apart, so that a build that asks for what is new finds both by their own index
recorded as (
    select
        *,
        sent_at as recorded_at
    from sent_messages
    where sent_learned_at is null
    union all
    select
        *,
        sent_learned_at as recorded_at
    from sent_messages
    where sent_learned_at is not null
),

moments as (
    select
        contact_id,
        recorded_at,
        channel || '_sent' as event_name,
        sent_at as occurred_at,
        'sent/' || message_id as source_key,
        jsonb_build_object(
            'message_id', message_id, 'campaign_id', campaign_id, 'provider', provider
        ) as properties
    from recorded
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
