with calls as (
    select * from {{ ref("stg_crm__calls") }}
),

moments as (
    select
        customer_id,
        extracted_at,
        'call_logged' as event_name,
        started_at as occurred_at,
        call_id::text as source_key,
        duration_seconds::numeric as value,
        null::text as currency,
        jsonb_strip_nulls(
            jsonb_build_object(
                'direction', direction, 'outcome', outcome, 'topic', topic, 'agent', agent_name,
                'duration_seconds', duration_seconds
            )
        ) as properties
    from calls
),

events as (
    select
        {{ surrogate_key(["event_name", "source_key"]) }} as event_id,
        customer_id as contact_id,
        event_name,
        occurred_at,
        'crm.calls' as source,
        source_key,
        value,
        currency,
        properties,
        extracted_at as recorded_at
    from moments
)

select * from events
