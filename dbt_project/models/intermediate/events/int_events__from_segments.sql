with stays as (
    select * from {{ ref("stg_membership_log__stays") }}
),

moments as (
    select
        stays.contact_id,
        moment.event_name,
        moment.occurred_at,
        stays.segment_id || '/' || stays.contact_id || '/' || extract(epoch from stays.entered_at) as source_key,
        jsonb_build_object('segment', stays.segment_key, 'title', stays.segment_title) as properties
    from stays
    cross join
        lateral (
            values ('segment_entered', stays.entered_at), ('segment_exited', stays.exited_at)
        ) as moment (event_name, occurred_at)
    where moment.occurred_at is not null
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
    from moments
)

select * from events
