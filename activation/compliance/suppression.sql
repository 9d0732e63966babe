-- name: hold(contact_id, channel, topic_id, address, reason, source, evidence, created_at, expires_at)
-- one that holds stays as it is; one that was lifted or has expired holds again
insert into engage.suppressions as known
    (contact_id, channel, topic_id, address, reason, source, evidence, created_at, expires_at)
values
    (:contact_id, :channel, :topic_id, :address, :reason, :source, :evidence, :created_at, :expires_at)
on conflict on constraint suppressions_once_key do update
set source = excluded.source, evidence = excluded.evidence, created_at = excluded.created_at,
    expires_at = excluded.expires_at, lifted_at = null, lifted_by = null, lifted_because = null
where known.lifted_at is not null or known.expires_at <= excluded.created_at
returning suppression_id;

-- name: same(contact_id, channel, topic_id, address, reason)
select suppression_id
from engage.suppressions
where contact_id = :contact_id and channel = :channel and reason = :reason
  and topic_id is not distinct from :topic_id and address is not distinct from :address;

-- name: lock_one(suppression_id)
select reason, lifted_at, lifted_by from engage.suppressions where suppression_id = :suppression_id for update;

-- name: lift(suppression_id, actor, because, now)
update engage.suppressions
set lifted_at = :now, lifted_by = :actor, lifted_because = :because
where suppression_id = :suppression_id;

-- name: search(text, contact_id, reason, channel, held_only, after, limit, now)
select known.suppression_id, known.contact_id, known.channel, topic.key as topic, known.address, known.reason, known.source,
    known.evidence, known.created_at, known.expires_at, known.lifted_at, known.lifted_by, known.lifted_because,
    known.lifted_at is null and (known.expires_at is null or known.expires_at > :now) as holds
from engage.suppressions known
left join engage.topics topic using (topic_id)
where (:text::text is null or lower(known.address) ^@ lower(:text) or known.contact_id = :contact_id)
  and (:reason::text is null or known.reason = :reason)
  and (:channel::text is null or known.channel = :channel)
  and (
      not :held_only::boolean
      or (known.lifted_at is null and (known.expires_at is null or known.expires_at > :now))
  )
  and (:after::bigint is null or known.suppression_id < :after)
order by known.suppression_id desc
limit :limit;

-- name: of_contact(contact_id, reasons_of_addresses, now)
-- the person's own, and those of the address that they have; a bounce of an address that they no longer have holds nothing
select known.suppression_id, known.contact_id, known.channel, topic.key as topic, known.address, known.reason, known.source,
    known.evidence, known.created_at, known.expires_at, known.lifted_at, known.lifted_by, known.lifted_because,
    known.lifted_at is null and (known.expires_at is null or known.expires_at > :now)
        and (known.reason <> all(:reasons_of_addresses) or known.address is not distinct from present.address) as holds
from engage.suppressions known
left join engage.topics topic using (topic_id)
left join core.contacts contact on contact.contact_id = :contact_id
cross join lateral (
    select case when known.channel = 'email' then contact.email else to_jsonb(contact) ->> 'phone' end as address
) present
where known.contact_id = :contact_id or known.address = present.address
order by known.suppression_id desc;

-- name: make_upload()
drop table if exists pg_temp.suppression_upload;
create temp table suppression_upload (line bigint, address text, reason text) on commit drop;

-- name: before_import(channel, now)
-- what the list holds of the file's addresses already, and what was lifted from it: an import undoes nobody's decision
create temp table suppression_known on commit drop as
select upload.line, upload.address, upload.reason, known.lifted_at, known.lifted_by,
    known.suppression_id is not null and known.lifted_at is null
        and (known.expires_at is null or known.expires_at > :now::timestamptz) as holds
from (
    select distinct on (address, reason) line, address, reason
    from pg_temp.suppression_upload
    order by address, reason, line
) upload
left join engage.suppressions known
    on known.contact_id = 0 and known.channel = :channel and known.reason = upload.reason and known.address = upload.address
    and known.topic_id is null;

-- name: take(channel, source, evidence, now)
insert into engage.suppressions as known (contact_id, channel, address, reason, source, evidence, created_at)
select 0, :channel, upload.address, upload.reason, :source,
    :evidence::jsonb || jsonb_build_object('line', upload.line), :now::timestamptz
from pg_temp.suppression_known upload
where not upload.holds and upload.lifted_at is null
order by upload.line
on conflict on constraint suppressions_once_key do update
set source = excluded.source, evidence = excluded.evidence, created_at = excluded.created_at, expires_at = null
where known.lifted_at is null and known.expires_at <= excluded.created_at;

-- name: held_before()
select count(*) from pg_temp.suppression_known where holds;

-- name: lifted_before()
select line, address, 'was lifted on ' || lifted_at::date || ' by ' || lifted_by || ': add it by itself if it should hold again'
from pg_temp.suppression_known
where lifted_at is not null
order by line;

-- name: drop_known()
drop table if exists pg_temp.suppression_known;

-- name: export(reason, now)
select coalesce(known.address, ''), known.channel, known.reason, coalesce(topic.key, ''), known.source, known.created_at,
    known.expires_at, nullif(known.contact_id, 0)
from engage.suppressions known
left join engage.topics topic using (topic_id)
where known.lifted_at is null and (known.expires_at is null or known.expires_at > :now)
  and (:reason::text is null or known.reason = :reason)
order by known.suppression_id;
