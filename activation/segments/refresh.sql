-- name: register(key, title, description, owner, refresh, definition, now)
with registered as (
    insert into engage.segments (key, kind, title, description, owner, refresh, definition, is_active, created_at, created_by)
    values (:key, 'dbt', :title, :description, :owner, :refresh, :definition, true, :now, 'dbt')
    on conflict (key) do update
    set title = excluded.title, description = excluded.description, owner = excluded.owner, refresh = excluded.refresh,
        version = segments.version + (segments.definition is distinct from excluded.definition)::integer,
        definition = excluded.definition, is_active = true, deleted_at = null
    where segments.kind = 'dbt'
    returning segment_id, version, definition
)
insert into engage.segment_versions (segment_id, version, definition, created_at, created_by)
select segment_id, version, definition, :now, 'dbt' from registered
on conflict do nothing;

-- name: retire_all_but(keys)
update engage.segments set is_active = false where kind = 'dbt' and key <> all(:keys) and is_active;

-- name: active(keys)
select segment_id, key, kind, definition, refresh, size, version, evaluated_version, size_guard
from engage.segments
where is_active and (:keys::text[] is null or key = any(:keys))
order by kind <> 'dbt', key;

-- name: current(segment_id)
select segment_id, key, kind, definition, refresh, size, version, evaluated_version, size_guard
from engage.segments
where is_active and segment_id = :segment_id;

-- name: prepare_evaluation()
-- sets of contacts are hashed in memory; statements this short lose by being compiled
select set_config('work_mem', '256MB', true), set_config('jit', 'off', true);

-- name: lock(segment_id)
select pg_advisory_xact_lock(hashtextextended('engage.segment', :segment_id));

-- name: find_moves(people, segment_id, is_live)
-- one join of both sets as they are evaluated, whatever statistics know of a segment that was just filled
create temp table segment_moves on commit drop as
select coalesce(now.contact_id, member.contact_id) as contact_id, member.contact_id is null as enters
from (:people) as now
full join (select contact_id from engage.segment_members where segment_id = :segment_id) as member using (contact_id)
where (now.contact_id is null or member.contact_id is null)
  -- contacts that live evaluation has seen on newer data than the last build are its own until the next build
  and (not :is_live or coalesce(now.contact_id, member.contact_id) not in (select contact_id from engage.live_contacts));

-- name: count_moves()
select count(*) filter (where enters), count(*) filter (where not enters) from segment_moves;

-- name: leave(segment_id, now)
-- by key, whatever statistics know of a segment that was just filled: a join may read all of its members for a few
with gone as (
    delete from engage.segment_members
    where segment_id = :segment_id and contact_id = any(array(select contact_id from segment_moves where not enters))
    returning contact_id, entered_at
)
insert into engage.segment_past_stays (segment_id, contact_id, entered_at, exited_at)
select :segment_id, contact_id, entered_at, greatest(:now, entered_at) from gone;

-- name: enter(segment_id, now)
-- coming back at the very instant of leaving goes on with the same stay
with resumed as (
    delete from engage.segment_past_stays
    where exited_at >= :now and entered_at = :now and segment_id = :segment_id
      and contact_id in (select contact_id from segment_moves where enters)
)
insert into engage.segment_members (segment_id, contact_id, entered_at)
select :segment_id, contact_id, :now from segment_moves where enters order by contact_id;

-- name: size(segment_id)
-- counted and not remembered, so that a size that went wrong is put right by the next refresh
select count(*) from engage.segment_members where segment_id = :segment_id;

-- name: record_size(segment_id, size, entered, exited, version, now)
with measured as (
    insert into engage.segment_sizes (segment_id, measured_at, size, entered, exited)
    values (:segment_id, :now, :size, :entered, :exited)
    on conflict (segment_id, measured_at) do update
    set size = excluded.size, entered = segment_sizes.entered + excluded.entered,
        exited = segment_sizes.exited + excluded.exited
)
update engage.segments
set size = :size, refreshed_at = :now, evaluated_version = :version, problem = null, problem_at = null
where segment_id = :segment_id;

-- name: ask_live_again(now)
-- a definition that is new to live evaluation: those whom it had seen before were not asked about this one
with again as (
    insert into engage.live_changes (contact_id, landed_at)
    select contact_id, :now from engage.live_contacts
    returning 1
)
select pg_notify('engage_live', '') from again limit 1;

-- name: record_problem(segment_id, problem, now)
update engage.segments set problem = :problem, problem_at = :now where segment_id = :segment_id;
