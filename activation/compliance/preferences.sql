-- name: topics()
select topic_id, key, name, description from engage.topics where is_active order by name, topic_id;

-- name: channels(contact_id)
-- mail, what the company sends through, and what the person ever decided about
select channel from engage.channel_providers where is_active
union
select channel from engage.consent_records where contact_id = :contact_id
union
select 'email';
