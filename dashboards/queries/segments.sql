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
select segment_id, key, title, kind, description, owner, refresh, size, refreshed_at, problem, definition ->> 'sql' as sql,
    definition ->> 'file' as file
from engage.segments
where key = :key;

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

-- name: reachable(segment_id)
select count(*) as total,
    count(*) filter (
        where profile.email is not null and profile.email_consent = 'subscribed'
          and not exists (
              select from engage.suppressions suppression
              where suppression.channel = 'email'
                and (suppression.contact_id = member.contact_id or suppression.address = profile.email)
          )
    ) as reachable
from engage.segment_members member
left join profiles.contact_profiles profile using (contact_id)
where member.segment_id = :segment_id;

-- name: campaigns(segment_id)
select key, name, kind, state, next_run_at from engage.campaigns where segment_id = :segment_id order by created_at desc;
