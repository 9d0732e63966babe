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

-- name: retire(keys)
update engage.segments set is_active = false where kind = 'dbt' and key <> all(:keys) and is_active;

-- name: active(keys)
select segment_id, key, kind, definition, refresh, size, version, evaluated_version, size_guard
from engage.segments
where is_active and (:keys::text[] is null or key = any(:keys))
order by kind <> 'dbt', key;

-- name: prepare_evaluation()
-- sets of contacts are hashed in memory; statements this short lose by being compiled
select set_config('work_mem', '256MB', true), set_config('jit', 'off', true);

-- name: lock(segment_id)
select pg_advisory_xact_lock(hashtextextended('engage.segment', :segment_id));

-- name: prepare_difference()
-- the whole segment is read in any case; where statistics do not know it yet, a nested loop would be quadratic
select set_config('enable_nestloop', 'off', true);

-- name: apply_difference(segment_id, now, is_live)
-- contacts that live evaluation has seen on newer data than the last build are its own until the next build
with seen_live as materialized (
    select contact_id from engage.live_contacts where :is_live
),
exited as (
    delete from engage.segment_members member
    where member.segment_id = :segment_id
      and not exists (select from segment_now where segment_now.contact_id = member.contact_id)
      and not exists (select from seen_live where seen_live.contact_id = member.contact_id)
    returning member.contact_id
),
closed as (
    update engage.segment_membership_history history
    set exited_at = :now
    from exited
    where history.segment_id = :segment_id and history.contact_id = exited.contact_id and history.exited_at is null
),
entered as (
    insert into engage.segment_members (segment_id, contact_id, entered_at)
    select :segment_id, segment_now.contact_id, :now
    from segment_now
    where not exists (
        select from engage.segment_members member
        where member.segment_id = :segment_id and member.contact_id = segment_now.contact_id
    )
      and not exists (select from seen_live where seen_live.contact_id = segment_now.contact_id)
    returning contact_id, entered_at
),
opened as (
    insert into engage.segment_membership_history (segment_id, contact_id, entered_at)
    select :segment_id, contact_id, entered_at from entered
    on conflict (segment_id, contact_id, entered_at) do update set exited_at = null
)
select (select count(*) from entered), (select count(*) from exited);

-- name: record_size(segment_id, entered, exited, version, now)
with counted as (
    select count(*) as size from engage.segment_members where segment_id = :segment_id
),
measured as (
    insert into engage.segment_sizes (segment_id, measured_at, size, entered, exited)
    select :segment_id, :now, size, :entered, :exited from counted
    on conflict (segment_id, measured_at) do update
    set size = excluded.size, entered = segment_sizes.entered + excluded.entered,
        exited = segment_sizes.exited + excluded.exited
),
noted as (
    update engage.segments
    set size = counted.size, refreshed_at = :now, evaluated_version = :version, problem = null, problem_at = null
    from counted
    where segment_id = :segment_id
)
select size from counted;

-- name: record_problem(segment_id, problem, now)
update engage.segments set problem = :problem, problem_at = :now where segment_id = :segment_id;
