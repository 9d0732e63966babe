-- not materialized: who asks for one contact, or for what is new, must not read all stays
with stays as not materialized (
    select * from {{ ref("stg_membership_log__stays") }}
),

-- apart, so that a build that asks for what is new finds entries and exits by their own index
moments as (
    select
        *,
        'segment_entered' as event_name,
        entered_at as occurred_at
    from stays
    union all
    select
        *,
        'segment_exited' as event_name,
        exited_at as occurred_at
    from stays
    where exited_at is not null
),

described as (
    select
        contact_id,
        event_name,
        occurred_at,
        segment_id || '/' || contact_id || '/' || extract(epoch from entered_at) as source_key,
        jsonb_build_object('segment', segment_key, 'title', segment_title) as properties
    from moments
),

events as (
    select
        {{ surrogate_key(["event_name", "source_key"]) }} as event_id,
        contact_id,
        event_name,
        occurred_at,
        'engage.segments' as source,
        source_key,
        null::numeric as value,
        null::text as currency,
        properties,
        occurred_at as recorded_at
    from described
)

select * from events
