-- name: count(now)
-- as a campaign's snapshot judges: a valid address, consent, no suppression
select
    count(*),
    count(*) filter (
        where profile.email_status = 'valid' and profile.email_consent = 'subscribed'
          and not exists (
              select from engage.suppressions suppression
              where suppression.channel = 'email'
                and (suppression.contact_id = profile.contact_id or suppression.address = profile.email)
                and suppression.created_at <= :now
          )
    )
from segment_now
left join profiles.contact_profiles profile using (contact_id);

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
