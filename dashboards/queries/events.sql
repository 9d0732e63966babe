-- name: names(since)
select event_name, count(*) as events from core.events where occurred_at >= :since group by 1 order by 2 desc;

-- name: per_day(names, since, time_zone)
select (occurred_at at time zone :time_zone)::date as day, event_name, count(*) as events
from core.events
where occurred_at >= :since and (:names::text[] is null or event_name = any(:names))
group by 1, 2
order by 1;

-- name: stream(names, since, limit, offset)
select event.occurred_at, event.event_name, event.contact_id, profile.full_name, event.value, event.currency, event.source, event.properties
from (
    select * from core.events
    where occurred_at >= :since and (:names::text[] is null or event_name = any(:names))
    order by occurred_at desc, event_id
    limit :limit offset :offset
) event
left join profiles.contact_profiles profile using (contact_id)
order by event.occurred_at desc, event.event_id;

-- name: count(names, since, most)
select count(*) as events
from (
    select from core.events where occurred_at >= :since and (:names::text[] is null or event_name = any(:names)) limit :most + 1
) found;
