-- name: list_all()
select segment.segment_id, segment.key, segment.title, segment.kind, segment.owner, segment.size, newest.entered, newest.exited,
    segment.refreshed_at, segment.problem
from engage.segments segment
left join lateral (
    select entered, exited from engage.segment_sizes where segment_id = segment.segment_id order by measured_at desc limit 1
) newest on true
where segment.is_active
order by segment.size desc nulls last, segment.title;

-- name: one(key)
select segment_id, key, title, kind, description, owner, refresh, size, refreshed_at, problem, version, definition::text as definition, definition ->> 'sql' as sql,
    definition ->> 'file' as file
from engage.segments
where key = :key and is_active;

-- name: sizes(segment_id)
select measured_at, size, entered, exited
from engage.segment_sizes
where segment_id = :segment_id
order by measured_at desc
limit 500;

-- name: members(segment_id, limit, offset)
select member.contact_id, profile.full_name, profile.email, profile.city, profile.country, profile.plan, profile.lifetime_value, member.entered_at
from engage.segment_members member
left join profiles.contact_profiles profile using (contact_id)
where member.segment_id = :segment_id
order by member.contact_id
limit :limit offset :offset;

-- name: campaigns(segment_id)
select key, name, kind, state, next_run_at from engage.campaigns where segment_id = :segment_id order by created_at desc;

-- name: frequent_values()
-- what the planner keeps anyway; names and addresses have too many values to be in it
select attname as attribute, most_common_vals::text::text[] as values
from pg_stats
where schemaname = 'profiles' and tablename = 'contact_profiles' and n_distinct between 1 and 200
  and most_common_vals is not null;

-- name: versions(segment_id)
select version, created_at, created_by, definition
from engage.segment_versions
where segment_id = :segment_id
order by version desc
limit 100;

-- name: overlap(segment_id)
-- how many of this segment are in each of the others, and which share of those that is
select other.key, other.title, other.size, shared.members
from (
    select both_in.segment_id, count(*) as members
    from engage.segment_members own
    join engage.segment_members both_in on both_in.contact_id = own.contact_id and both_in.segment_id <> own.segment_id
    where own.segment_id = :segment_id
    group by both_in.segment_id
) as shared
join engage.segments other on other.segment_id = shared.segment_id
where other.is_active
order by shared.members desc
limit 20;

-- name: contact_by(words)
select contact_id, full_name, email
from profiles.contact_profiles
where contact_id::text = :words or email = lower(:words)
limit 1;

-- name: stages()
-- of the newest changes: a stage that nobody entered lately can still be written by hand
select distinct newest.properties ->> 'to_stage' as stage
from (
    select properties from core.events where event_name = 'deal_stage_changed' order by occurred_at desc limit 2000
) as newest
where newest.properties ->> 'to_stage' is not null
order by 1;
