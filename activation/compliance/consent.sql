-- name: lock(contact_id)
-- decisions of one person follow one another, so that the newest is judged against all others
select pg_advisory_xact_lock(hashtextextended('consent/' || :contact_id, 0));

-- name: address_of(contact_id, channel)
-- as the CRM has it now, else where the last message went: a link in an old mail outlives its contact
select coalesce(
    (
        select case when :channel = 'email' then contact.email else to_jsonb(contact) ->> 'phone' end
        from core.contacts contact
        where contact.contact_id = :contact_id
    ),
    (
        select message.address
        from engage.campaign_messages message
        where message.contact_id = :contact_id and message.channel = :channel and message.address is not null
        order by message.created_at desc
        limit 1
    )
);

-- name: topic_exists(topic_id)
select exists (select from engage.topics where topic_id = :topic_id);

-- name: insert_record(contact_id, channel, topic_id, status, occurred_at, source, proof, actor, now)
insert into engage.consent_records
    (contact_id, channel, topic_id, status, occurred_at, recorded_at, source, proof, recorded_by)
values (:contact_id, :channel, :topic_id, :status, :occurred_at, :now, :source, :proof, :actor)
returning consent_record_id;

-- name: suppress(contact_id, channel, topic_id, addresses, source, evidence, occurred_at)
-- unless a newer opt-in stands against it; one that was lifted meanwhile holds again, one that holds stays as it is
insert into engage.suppressions as known
    (contact_id, channel, topic_id, address, reason, source, evidence, created_at)
select :contact_id, :channel, :topic_id, address,
    case when :topic_id::bigint is null then 'unsubscribed_all' else 'unsubscribed_topic' end, :source, :evidence, :occurred_at
from unnest(:addresses::text[]) as address
where not exists (
    select from engage.consent_records newer
    where newer.contact_id = :contact_id and newer.channel = :channel and newer.status = 'subscribed'
      and newer.occurred_at > :occurred_at
      and (:topic_id::bigint is null or newer.topic_id is null or newer.topic_id = :topic_id)
)
on conflict on constraint suppressions_once_key do update
set source = excluded.source, evidence = excluded.evidence, created_at = excluded.created_at, expires_at = null,
    lifted_at = null, lifted_by = null, lifted_because = null
where known.lifted_at is not null;

-- name: lift(contact_id, channel, topic_id, addresses, occurred_at, consent_record_id, actor, now)
-- Ends the older unsubscriptions that an opt-in overrules. One to a single topic ends having left everything for that topic
-- alone: where no record says that the person left everything, one is written now, so that other and new topics stay shut,
-- also when it was said by another contact at the same address. Theirs is written too: their own decision stands.
with lifted as (
    update engage.suppressions known
    set lifted_at = :now, lifted_by = :actor, lifted_because = 'a newer opt-in, consent record ' || :consent_record_id
    where known.channel = :channel
      and (known.contact_id = :contact_id or known.address = any(:addresses::text[]))
      and known.lifted_at is null
      and known.created_at <= :occurred_at
      and (
          known.reason = 'unsubscribed_all'
          or (known.reason = 'unsubscribed_topic' and (:topic_id::bigint is null or known.topic_id = :topic_id))
      )
      and not exists (
          select from engage.consent_records newer
          where newer.contact_id = :contact_id and newer.channel = :channel and newer.status = 'unsubscribed'
            and newer.occurred_at > :occurred_at
            and (newer.topic_id is null or newer.topic_id = known.topic_id or newer.topic_id = :topic_id)
      )
    returning known.*
),
standing as (
    select lifted.contact_id as of_contact, lifted.*
    from lifted
    where lifted.contact_id not in (0, :contact_id)
    union all
    select :contact_id, lifted.*
    from lifted
    where :topic_id::bigint is not null and lifted.reason = 'unsubscribed_all'
)
insert into engage.consent_records
    (contact_id, channel, topic_id, status, occurred_at, recorded_at, source, proof, recorded_by)
select distinct on (of_contact, topic_id) of_contact, channel, topic_id, 'unsubscribed',
    least(created_at, :occurred_at::timestamptz - interval '1 microsecond'), -- before the opt-in, in the same instant too
    :now, 'suppression', jsonb_build_object('suppression_id', suppression_id, 'source', source), :actor
from standing
where not exists (
    select from engage.consent_records said
    where said.contact_id = standing.of_contact and said.channel = standing.channel
      and said.occurred_at >= standing.created_at
      and (said.topic_id is null or said.topic_id = standing.topic_id)
)
order by of_contact, topic_id, created_at desc, suppression_id desc;

-- name: states(contact_ids, channels, now)
-- The one rule, for any number of people: per channel, for it as a whole (topic_id empty) and for each topic in use.
-- An unsubscription that holds, of the person or of their address, comes first; then the newest decision on record among
-- this topic and the whole channel, unless it is an opt-in and the CRM's flag turned to unsubscribed after it; then that
-- flag; else it is unknown. `held_by` is what keeps messages away
-- whatever they agreed to: the first that holds, in the order of the list of reasons. Empty `now`: the database's clock.
with moment as (
    select coalesce(:now::timestamptz, now()) as at
),
scopes as (
    select null::bigint as topic_id, null::text as topic
    union all
    select topic_id, key from engage.topics where is_active
),
people as (
    select asked.contact_id, channel.channel, to_jsonb(contact) ->> (channel.channel || '_consent') as flag,
        case when channel.channel = 'email' then contact.email else to_jsonb(contact) ->> 'phone' end as address
    from unnest(:contact_ids::bigint[]) as asked (contact_id)
    cross join unnest(:channels::text[]) as channel (channel)
    left join core.contacts contact using (contact_id)
)
select person.contact_id, person.channel, scope.topic_id, scope.topic,
    case
        when suppression.suppression_id is not null or turned.at is not null then 'unsubscribed'
        else coalesce(record.status, nullif(person.flag, ''), 'unknown')
    end as status,
    case
        when suppression.suppression_id is not null then 'suppression'
        when turned.at is not null then 'crm'
        when record.consent_record_id is not null then 'record'
        when person.flag in ('subscribed', 'unsubscribed') then 'crm'
        else 'nothing'
    end as decided_by,
    coalesce(suppression.created_at, case when turned.at is null then record.occurred_at else nullif(turned.at, 'infinity') end) as decided_at,
    coalesce(suppression.source, case when turned.at is null then record.source end) as source,
    record.status as on_record,
    held.reason as held_by
from people person
cross join moment
cross join scopes scope
left join lateral (
    select consent_record_id, status, occurred_at, source
    from engage.consent_records said
    where said.contact_id = person.contact_id and said.channel = person.channel
      and (said.topic_id is null or said.topic_id = scope.topic_id)
    order by said.occurred_at desc, said.consent_record_id desc
    limit 1
) record on true
left join lateral (
    select engage.crm_unsubscribed_at(person.contact_id, person.channel) as at
    where record.status = 'subscribed' and person.flag = 'unsubscribed'
) turned on turned.at > record.occurred_at
left join lateral (
    select suppression_id, created_at, source
    from engage.suppressions known
    where known.channel = person.channel
      and (known.contact_id = person.contact_id or known.address = person.address)
      and (
          known.reason = 'unsubscribed_all'
          or (known.reason = 'unsubscribed_topic' and known.topic_id = scope.topic_id)
      )
      and known.lifted_at is null and (known.expires_at is null or known.expires_at > moment.at)
    order by known.created_at desc, known.suppression_id desc
    limit 1
) suppression on true
left join lateral (
    select known.reason
    from engage.suppressions known
    where known.channel = person.channel
      and (
          known.address = person.address
          or (known.contact_id = person.contact_id and known.reason in ('complaint', 'manual', 'erased'))
      )
      and known.reason not in ('unsubscribed_all', 'unsubscribed_topic')
      and known.lifted_at is null and (known.expires_at is null or known.expires_at > moment.at)
    order by array_position(
        array['hard_bounce', 'complaint', 'soft_bounce_run', 'manual', 'erased', 'invalid_address', 'provider_suppressed'],
        known.reason
    )
    limit 1
) held on true
order by person.contact_id, person.channel, scope.topic_id nulls first;

-- name: history(contact_id)
select said.consent_record_id, said.channel, topic.key as topic, said.status, said.occurred_at, said.recorded_at, said.source,
    said.proof, said.recorded_by
from engage.consent_records said
left join engage.topics topic using (topic_id)
where said.contact_id = :contact_id
order by said.occurred_at desc, said.consent_record_id desc;
