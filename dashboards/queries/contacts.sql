-- name: search(text, id, country, plan, consent, limit, offset)
select contact_id, full_name, email, city, country, plan, email_consent, orders_count, lifetime_value, last_seen_at
from profiles.contact_profiles
where (
        :text::text is null
        or contact_id = :id
        or email like lower(:text) || '%%'
        or lower(last_name) like lower(:text) || '%%'
        or lower(first_name) like lower(:text) || '%%'
        or lower(full_name) like lower(:text) || '%%'
        or lower(city) = lower(:text)
    )
    and (:country::text is null or country = :country)
    and (:plan::text is null or plan = :plan)
    and (:consent::text is null or email_consent = :consent)
order by contact_id
limit :limit offset :offset;

-- name: count(text, id, country, plan, consent, most)
select count(*) as contacts
from (
    select from profiles.contact_profiles
    where (
            :text::text is null
            or contact_id = :id
            or email like lower(:text) || '%%'
            or lower(last_name) like lower(:text) || '%%'
            or lower(first_name) like lower(:text) || '%%'
            or lower(full_name) like lower(:text) || '%%'
            or lower(city) = lower(:text)
        )
        and (:country::text is null or country = :country)
        and (:plan::text is null or plan = :plan)
        and (:consent::text is null or email_consent = :consent)
    limit :most + 1
) found;

-- name: choices()
select 'country' as field, country as value from profiles.contact_profiles where country is not null group by 2
union all
select 'plan', plan from profiles.contact_profiles where plan is not null group by 2
order by 1, 2;

-- name: one(contact_id)
select * from profiles.contact_profiles where contact_id = :contact_id;

-- name: segments(contact_id)
select segment.key, segment.title, member.entered_at
from engage.segment_members member
join engage.segments segment using (segment_id)
where member.contact_id = :contact_id
order by segment.title;

-- name: timeline(contact_id, limit)
select event_name, occurred_at, value, currency, properties
from core.events
where contact_id = :contact_id
order by occurred_at desc
limit :limit;

-- name: messages(contact_id)
select campaign.name as campaign, message.state, coalesce(message.reason_detail, message.reason) as reason, message.created_at, message.sent_at
from engage.campaign_messages message
join engage.campaigns campaign using (campaign_id)
where message.contact_id = :contact_id
order by message.created_at desc
limit 50;
