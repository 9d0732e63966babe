-- name: take_changes(limit)
-- a contact is taken with all its changes; those that land meanwhile wait for the next round
with oldest as (
    select live_change_id, contact_id from engage.live_changes order by live_change_id limit :limit for update skip locked
),
taken as (
    delete from engage.live_changes change using oldest
    where change.live_change_id = oldest.live_change_id
    returning change.contact_id
)
select distinct contact_id from taken order by contact_id;

-- name: note_contacts(contacts, now)
insert into engage.live_contacts (contact_id, evaluated_at)
select unnest(:contacts::bigint[]), :now
on conflict (contact_id) do update set evaluated_at = excluded.evaluated_at;

-- name: live_segments()
select segment_id, key, kind, definition, refresh, size, version, evaluated_version, size_guard
from engage.segments
-- one that was never refreshed, or not since it was edited, gets everybody at its first refresh
where is_active and refresh = 'live' and kind = 'rules' and evaluated_version = version
order by key;

-- name: prepare()
-- these statements are many and small: planning is their cost
select set_config('jit', 'off', true), set_config('max_parallel_workers_per_gather', '0', true);

-- name: read_events(contacts)
-- one look-up per person, so that each goes by the indexes of the mirrors; `offset 0` keeps the planner from merging them
create temp table live_events on commit drop as
select event.event_id, event.contact_id, event.event_name, event.occurred_at, event.value, event.currency, event.properties
from unnest(:contacts::bigint[]) as changed (contact_id)
cross join lateral (
    select * from live.live_events landed where landed.contact_id = changed.contact_id offset 0
) as event;

-- name: read_profiles(contacts)
create temp table live_profiles on commit drop as
select profile.*
from unnest(:contacts::bigint[]) as changed (contact_id)
cross join lateral (
    select * from live.live_contact_profiles landed where landed.contact_id = changed.contact_id offset 0
) as profile;

-- name: read_members(contacts)
create temp table live_members on commit drop as
select segment_id, contact_id from engage.segment_members where contact_id = any(:contacts::bigint[]);

-- name: index_landed()
create index on pg_temp.live_events (event_name, contact_id, occurred_at);
create unique index on pg_temp.live_profiles (contact_id);
create temp table live_now (segment_id bigint, contact_id bigint) on commit drop;
analyze pg_temp.live_events;
analyze pg_temp.live_profiles;
analyze pg_temp.live_members;

-- name: lock(segments)
select pg_advisory_xact_lock(hashtextextended('engage.segment', segment_id))
from (select unnest(:segments::bigint[]) as segment_id order by 1) as ordered;

-- name: show_wave_to_the_next(segments)
with gone as (
    delete from pg_temp.live_members where segment_id = any(:segments::bigint[])
)
insert into pg_temp.live_members (segment_id, contact_id)
select segment_id, contact_id from pg_temp.live_now where segment_id = any(:segments::bigint[]);

-- name: apply_difference(segments, contacts, now)
with exited as (
    delete from engage.segment_members member
    where member.segment_id = any(:segments::bigint[]) and member.contact_id = any(:contacts::bigint[])
      and not exists (
          select from pg_temp.live_now now
          where now.segment_id = member.segment_id and now.contact_id = member.contact_id
      )
    returning member.segment_id, member.contact_id, member.entered_at
),
ended as (
    insert into engage.segment_past_stays (segment_id, contact_id, entered_at, exited_at)
    select segment_id, contact_id, entered_at, greatest(:now, entered_at) from exited
),
entered as (
    insert into engage.segment_members (segment_id, contact_id, entered_at)
    select now.segment_id, now.contact_id, :now
    from pg_temp.live_now now
    where now.segment_id = any(:segments::bigint[])
    on conflict (segment_id, contact_id) do nothing
    returning segment_id, contact_id
),
-- coming back at the very instant of leaving goes on with the same stay
resumed as (
    delete from engage.segment_past_stays stay
    using entered
    where stay.exited_at >= :now and stay.entered_at = :now
      and stay.segment_id = entered.segment_id and stay.contact_id = entered.contact_id
),
changed as (
    select segment_id, sum(entering) as entered, sum(1 - entering) as exited
    from (
        select segment_id, 1 as entering from entered
        union all
        select segment_id, 0 from exited
    ) as each_one
    group by segment_id
),
sized as (
    update engage.segments segment
    set size = coalesce(segment.size, 0) + changed.entered - changed.exited
    from changed
    where segment.segment_id = changed.segment_id
    returning segment.segment_id, segment.size, changed.entered, changed.exited
),
measured as (
    insert into engage.segment_sizes (segment_id, measured_at, size, entered, exited)
    select segment_id, :now, size, entered, exited from sized
    on conflict (segment_id, measured_at) do update
    set size = excluded.size, entered = segment_sizes.entered + excluded.entered, exited = segment_sizes.exited + excluded.exited
)
select segment_id, size, entered::bigint, exited::bigint from sized;

-- name: settle(before)
delete from engage.live_contacts where evaluated_at < :before;

-- name: waiting()
select count(*), min(landed_at) from engage.live_changes;
