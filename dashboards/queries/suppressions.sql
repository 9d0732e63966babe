-- name: search(text, id, reason, with_lifted, after, limit)
-- newest first: the ids fall. An address is found by its beginning, a contact by its number.
select suppression.suppression_id, suppression.contact_id, profile.full_name, suppression.address, suppression.channel, suppression.reason,
    topic.name as topic, suppression.source, suppression.created_at, suppression.expires_at, suppression.lifted_at, suppression.lifted_by,
    suppression.lifted_because, suppression.expires_at <= now() as is_expired
from engage.suppressions suppression
left join engage.topics topic using (topic_id)
left join profiles.contact_profiles profile on profile.contact_id = suppression.contact_id
where (:text::text is null or suppression.contact_id = :id or starts_with(lower(suppression.address), lower(:text)))
  and (:reason::text is null or suppression.reason = :reason)
  and (:with_lifted or (suppression.lifted_at is null and coalesce(suppression.expires_at > now(), true)))
  and (:after::bigint is null or suppression.suppression_id < :after)
order by suppression.suppression_id desc
limit :limit;

-- name: counts()
select reason, count(*) as suppressions
from engage.suppressions
where lifted_at is null and coalesce(expires_at > now(), true)
group by 1
order by 2 desc;

-- name: caps()
select channel, most, window_hours, is_active, updated_at, updated_by from engage.frequency_caps order by channel;
