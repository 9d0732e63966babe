-- name: count(people, now, unknown_counts)
-- As a campaign without a topic judges: a valid address, consent, no suppression that holds. The newest decision about mail
-- as a whole, else the CRM's flag. A bounce belongs to its address alone, a complaint to the person as well.
with decision as (
    select distinct on (contact_id) contact_id, status, occurred_at
    from engage.consent_records
    where channel = 'email' and topic_id is null
    order by contact_id, occurred_at desc, consent_record_id desc
),
held as (
    select contact_id, address,
        reason not in ('hard_bounce', 'soft_bounce_run', 'invalid_address', 'provider_suppressed') as is_about_person
    from engage.suppressions
    where channel = 'email' and topic_id is null and lifted_at is null and (expires_at is null or expires_at > :now)
)
select
    count(*),
    count(*) filter (
        where profile.email_status = 'valid'
          and (
              coalesce(decision.status, profile.email_consent) = 'subscribed'
              or (:unknown_counts::boolean and coalesce(decision.status, profile.email_consent, 'unknown') = 'unknown')
          )
          and (
              decision.status is null or profile.email_consent is distinct from 'unsubscribed'
              or engage.crm_unsubscribed_at(profile.contact_id, 'email') <= decision.occurred_at
          )
          and not exists (select from held where held.address = profile.email)
          and not exists (select from held where held.contact_id = profile.contact_id and held.is_about_person)
    )
from (:people) as people
left join profiles.contact_profiles profile using (contact_id)
left join decision using (contact_id);

-- name: evaluated()
select contact_id from segment_now;

-- name: members(segment_id)
select contact_id from engage.segment_members where segment_id = :segment_id;

-- name: sample(sample)
select profile.contact_id, profile.full_name, profile.email, profile.city, profile.plan
from segment_now
join profiles.contact_profiles profile using (contact_id)
order by md5(contact_id::text)
limit :sample;

-- name: difference(segment_id)
select
    count(*) filter (where member.contact_id is null),
    count(*) filter (where segment_now.contact_id is null),
    count(*) filter (where segment_now.contact_id = member.contact_id)
from segment_now
full join (select contact_id from engage.segment_members where segment_id = :segment_id) as member using (contact_id);

-- name: entering(segment_id, sample)
select profile.contact_id, profile.full_name, profile.email, profile.city, profile.plan
from segment_now
join profiles.contact_profiles profile using (contact_id)
where not exists (
    select from engage.segment_members member
    where member.segment_id = :segment_id and member.contact_id = segment_now.contact_id
)
order by contact_id
limit :sample;

-- name: leaving(segment_id, sample)
select member.contact_id, profile.full_name, profile.email, profile.city, profile.plan
from engage.segment_members member
left join profiles.contact_profiles profile using (contact_id)
where member.segment_id = :segment_id
  and not exists (select from segment_now where segment_now.contact_id = member.contact_id)
order by member.contact_id
limit :sample;
