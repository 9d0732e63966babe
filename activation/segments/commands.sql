-- name: create(key, kind, title, description, refresh, definition, actor, now)
with created as (
    insert into engage.segments (key, kind, title, description, owner, refresh, definition, created_at, created_by)
    values (:key, :kind, :title, :description, :actor, :refresh, :definition, :now, :actor)
    returning segment_id, version, definition
)
insert into engage.segment_versions (segment_id, version, definition, created_at, created_by)
select segment_id, version, definition, :now, :actor from created;

-- name: lock_definitions()
-- definitions are checked against each other: two saved at once could close a circle, or use what is being deleted
select pg_advisory_xact_lock(hashtextextended('engage.segment_definitions', 0));

-- name: lock_membership(segment_id)
-- the lock of a refresh: one that has begun is over before everybody leaves
select pg_advisory_xact_lock(hashtextextended('engage.segment', :segment_id));

-- name: lock_version(key)
select version from engage.segments where key = :key and is_active for update;

-- name: update(key, title, description, refresh, definition, actor, now)
with changed as (
    update engage.segments
    set title = coalesce(:title, title),
        description = coalesce(:description, description),
        -- live evaluation begins with a refresh of its own
        evaluated_version = case when :refresh::text = 'live' and refresh <> 'live' then null else evaluated_version end,
        refresh = coalesce(:refresh, refresh),
        version = version + (:definition::jsonb is not null and definition <> :definition::jsonb)::integer,
        definition = coalesce(:definition::jsonb, definition)
    where key = :key and is_active
    returning segment_id, version, definition
)
insert into engage.segment_versions (segment_id, version, definition, created_at, created_by)
select segment_id, version, definition, :now, :actor from changed
on conflict do nothing;

-- name: campaigns_using(segment_id)
-- as the audience or left out of it; a launch asks again whether the audience has anybody, but not who is left out, so a draft
-- keeps those too
select key from engage.campaigns
where segment_id = :segment_id
    and (state in ('scheduled', 'preparing', 'sending', 'paused', 'stopped_by_guard') or is_active)
  or :segment_id = any(excluded_segment_ids)
    and (state not in ('finished', 'cancelled', 'missed') or is_active)
order by key;

-- name: rule_definitions()
select key, definition from engage.segments where kind = 'rules' and is_active;

-- name: delete(segment_id, now, actor)
with deleted as (
    -- the key is free again; the row keeps its history readable
    update engage.segments
    set is_active = false, deleted_at = :now, size = 0, key = key || '/deleted/' || segment_id
    where segment_id = :segment_id
    returning segment_id, version
),
left_by as (
    delete from engage.segment_members where segment_id = :segment_id returning contact_id, entered_at
),
measured as (
    insert into engage.segment_sizes (segment_id, measured_at, size, entered, exited)
    select :segment_id, :now, 0, 0, count(*) from left_by
    on conflict do nothing
),
noted as (
    insert into engage.segment_versions (segment_id, version, definition, created_at, created_by)
    select segment_id, version + 1, '{"deleted": true}', :now, :actor from deleted
)
insert into engage.segment_past_stays (segment_id, contact_id, entered_at, exited_at)
select :segment_id, contact_id, entered_at, greatest(:now, entered_at) from left_by;

-- name: show(key)
select
    segment_id, key, kind, title, description, owner, refresh, definition, version, evaluated_version, is_active, size,
    created_at, created_by, refreshed_at, problem, problem_at
from engage.segments
where key = :key and is_active;

-- name: list_all()
select
    segment_id, key, kind, title, description, owner, refresh, definition, version, evaluated_version, is_active, size,
    created_at, created_by, refreshed_at, problem, problem_at
from engage.segments
where is_active
order by title, key;

-- name: versions(segment_id)
select version, definition, created_at, created_by
from engage.segment_versions
where segment_id = :segment_id
order by version desc;

-- name: members(segment_id, at, after, limit)
select contact_id, entered_at
from engage.segment_members
where segment_id = :segment_id and contact_id > :after and :at::timestamptz is null
order by contact_id
limit :limit;

-- name: members_at(segment_id, at, after, limit)
select contact_id, entered_at, exited_at
from engage.segment_membership_history
where segment_id = :segment_id and contact_id > :after
  and entered_at <= :at and (exited_at is null or exited_at > :at)
order by contact_id
limit :limit;

-- name: take_snapshot(segment_id, name, actor, now)
insert into engage.segment_snapshots (segment_id, name, taken_at, taken_by, size)
select :segment_id, :name, :now, :actor, count(*)
from engage.segment_members
where segment_id = :segment_id
returning size;

-- name: snapshots(segment_id)
select name, taken_at, taken_by, size from engage.segment_snapshots where segment_id = :segment_id order by taken_at desc;
