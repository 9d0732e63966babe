with published as (
    select * from {{ ref("stg_landing__events") }}
),

keyed as (
    select
        *,
        contact_id || '/' || source_key as full_key
    from published
),

events as (
    select
        {{ surrogate_key(["event_name", "full_key"]) }} as event_id,
        contact_id,
        event_name,
        occurred_at,
        'landing.events' as source,
        full_key as source_key,
        value,
        currency,
        properties,
        received_at as recorded_at
    from keyed
)

select * from events
