-- name: land(contact_ids, source_keys, names, times, values, currencies, properties, now)
with told as (
    select distinct on (contact_id, source_key) *
    from unnest(
        :contact_ids::bigint[], :source_keys::text[], :names::text[], :times::timestamptz[], :values::numeric[],
        :currencies::text[], :properties::jsonb[]
    ) as event (contact_id, source_key, event_name, occurred_at, value, currency, properties)
),
landed as (
    insert into landing.events (contact_id, source_key, event_name, occurred_at, value, currency, properties, received_at)
    select contact_id, source_key, event_name, occurred_at, value, currency, properties, :now from told
    on conflict (contact_id, source_key) do nothing
    returning contact_id
),
changed as (
    insert into engage.live_changes (contact_id, landed_at)
    select distinct contact_id, :now::timestamptz from landed
    where exists (select from engage.segments where is_active and refresh = 'live')
)
select count(*) from landed;

-- name: wake_worker()
select pg_notify('engage_live', '');
