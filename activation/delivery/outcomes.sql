-- name: sandbox_messages(since)
select message_id, provider_message_id, sent_at
from engage.campaign_messages
where provider = 'sandbox' and sent_at >= :since and provider_message_id is not null;

-- name: land(provider, provider_event_id, type, message_id, provider_message_id, occurred_at, detail, payload, now)
insert into landing.provider_events
    (provider, provider_event_id, type, message_id, provider_message_id, occurred_at, received_at, detail, payload)
values
    (:provider, :provider_event_id, :type, :message_id, :provider_message_id, :occurred_at, :now, :detail, :payload)
on conflict (provider, provider_event_id) do nothing;

-- name: recipient(message_id)
select message.contact_id, message.channel, message.address, run.topic_id, topic.name as topic
from engage.campaign_messages message
join engage.campaign_runs run using (campaign_run_id)
left join engage.topics topic using (topic_id)
where message.message_id = :message_id;

-- name: one_at_a_time()
select pg_advisory_xact_lock(hashtext('engage outcomes'));

-- name: recognise(wide, now)
-- events without our tag, by the provider's own id: looked for widely once, then, until nobody's, only among what was
-- written back since; the bounds are single values, so that BRIN reads these days alone
with nameless as materialized (
    select landed_id, provider, provider_message_id, detail ? 'sought' as was_sought,
        case when detail ? 'sought' then received_at - interval '15 minutes' else received_at - :wide::interval end as sent_since
    from landing.provider_events
    where processed_at is null and message_id is null and provider_message_id is not null
    order by landed_id
    limit 10000
),
named as materialized (
    select provider, provider_message_id, message_id
    from engage.campaign_messages
    where sent_at >= (select min(sent_since) from nameless) and sent_at <= (select max(:now::timestamptz) from nameless)
      and provider_message_id in (select provider_message_id from nameless)
)
update landing.provider_events event
set message_id = named.message_id,
    detail = case when named.message_id is null then event.detail || '{"sought": true}' else event.detail - 'sought' end
from nameless
left join named using (provider, provider_message_id)
where event.landed_id = nameless.landed_id and (named.message_id is not null or not nameless.was_sought);

-- name: leave_alone(now)
-- an event may come before our own note of the provider's id: it waits for an hour, then it is kept as nobody's
update landing.provider_events
set processed_at = :now, detail = detail - 'sought'
where processed_at is null and message_id is null
  and (provider_message_id is null or received_at < :now::timestamptz - interval '1 hour');

-- name: wake_waiting()
-- events of messages that have got their answer since, or none for good
update landing.provider_events event
set detail = event.detail - 'waits'
from engage.campaign_messages message
where event.processed_at is null and event.detail ? 'waits' and message.message_id = event.message_id
  and message.state not in ('queued', 'claimed');

-- name: count_landed(limit, our_fault, now)
with landed as materialized (
    select landed_id, provider, provider_event_id, type, message_id, occurred_at, detail
    from landing.provider_events
    where processed_at is null and message_id is not null and not detail ? 'waits'
    order by landed_id
    limit :limit
    for update skip locked
),
joined as materialized (
    select landed.*, message.campaign_id, message.campaign_run_id, message.contact_id, message.channel, message.address,
        message.state in ('queued', 'claimed') as waits,
        landed.type = 'bounced' and coalesce(landed.detail ->> 'words' ~ :our_fault, false) as is_our_fault
    from landed
    join engage.campaign_messages message using (message_id)
    -- another installation at the same provider account has messages with the same numbers
    where coalesce(landed.detail ->> 'epoch' in (select epoch from engage.database_epochs), true)
      and landed.type in (
        'queued', 'sent', 'delivered', 'deferred', 'bounced', 'rejected', 'complained', 'opened', 'clicked', 'unsubscribed'
    )
),
-- when a message was sent is a column of its own
recorded as (
    insert into engage.message_events
        (message_id, campaign_id, contact_id, type, occurred_at, recorded_at, provider, provider_event_id, detail)
    select message_id, campaign_id, contact_id, type, occurred_at, :now, provider, provider_event_id, detail - 'epoch'
    from joined
    where type <> 'sent'
    on conflict (provider, provider_event_id) do nothing
    returning provider, provider_event_id
),
-- what follows from an event follows once
fresh as materialized (
    select joined.* from joined join recorded using (provider, provider_event_id)
),
told as (
    insert into engage.live_changes (contact_id, landed_at)
    select distinct contact_id, :now::timestamptz from fresh
    where exists (select from engage.segments where is_active and refresh = 'live')
    returning 1
),
-- forward only: sent, delivered, bounced; whatever a provider tells of a message proves that it has it
moved as (
    update engage.campaign_messages message
    set state = case when fate.bounced then 'bounced' when fate.delivered then 'delivered' else 'sent' end,
        sent_at = coalesce(message.sent_at, fate.first_at),
        sent_learned_at = case when message.sent_at is null then :now::timestamptz else message.sent_learned_at end,
        reason = case when message.state in ('unknown', 'dead') then null else message.reason end,
        reason_detail = case when message.state in ('unknown', 'dead') then null else message.reason_detail end,
        state_changed_at = :now
    from (
        select message_id, bool_or(type = 'bounced') as bounced, bool_or(type = 'delivered') as delivered,
            min(occurred_at) as first_at
        from joined
        group by message_id
    ) fate
    where message.message_id = fate.message_id
      and (
          (message.state = 'sent' and (fate.bounced or fate.delivered))
          or (message.state = 'delivered' and fate.bounced)
          or message.state in ('unknown', 'dead')
      )
),
refused as (
    select contact_id, channel, address, provider, provider_event_id, message_id, occurred_at, detail ->> 'words' as words,
        case
            when type = 'complained' then 'complaint'
            when type = 'bounced' and detail ->> 'bounce' = 'hard' and not is_our_fault then 'hard_bounce'
            when type = 'rejected' and detail ->> 'bounce' = 'hard' then 'provider_suppressed'
        end as reason
    from fresh
),
suppressed as (
    insert into engage.suppressions (contact_id, channel, address, reason, source, evidence, created_at)
    select distinct on (contact_id, channel, reason, address) contact_id, channel, address, reason, provider,
        jsonb_strip_nulls(
            jsonb_build_object('message_id', message_id, 'event', provider_event_id, 'words', words)
        ),
        occurred_at
    from refused
    where reason is not null
    order by contact_id, channel, reason, address, occurred_at desc
    -- one that was lifted comes back with what happened after
    on conflict on constraint suppressions_once_key do update
    set source = excluded.source, evidence = excluded.evidence, created_at = excluded.created_at,
        lifted_at = null, lifted_by = null, lifted_because = null
    where suppressions.lifted_at < excluded.created_at
),
settled as (
    update landing.provider_events event
    set processed_at = case when joined.waits then null else :now::timestamptz end,
        detail = case when joined.waits then event.detail || '{"waits": true}' else event.detail end
    from landed
    left join joined using (landed_id)
    where event.landed_id = landed.landed_id
)
select (select count(*) from landed) as taken, (select count(*) from recorded) as counted,
    (
        select coalesce(array_agg(distinct contact_id), '{}')
        from fresh
        where type = 'bounced' and detail ->> 'bounce' = 'soft' and not is_our_fault
    ) as soft_bounced,
    (select coalesce(array_agg(distinct campaign_run_id), '{}') from fresh where type = 'complained') as complained,
    (
        select coalesce(jsonb_object_agg(campaign_run_id, detail ->> 'words'), '{}') from fresh where is_our_fault
    ) as our_fault,
    (
        select coalesce(
            jsonb_agg(
                jsonb_build_object(
                    'contact_id', contact_id, 'channel', channel, 'address', address, 'source', provider,
                    'proof', jsonb_build_object('message_id', message_id, 'event', provider_event_id)
                )
                order by landed_id
            ), '[]'
        )
        from fresh
        -- those who use our own links are heard in the request itself
        where type = 'unsubscribed' and provider <> 'engage'
    ) as unsubscribed,
    case when exists (select from told) then pg_notify('engage_live', '') end as told;

-- name: suppress_soft_bounce_runs(contact_ids, most, days)
-- soft bounces in a row: messages that bounced softly since the last delivery, or since a person lifted the last run
with attempts as (
    select event.contact_id, message.channel, message.address, event.message_id, event.occurred_at,
        event.type = 'delivered' as was_delivered, event.detail ->> 'bounce' as bounce
    from engage.message_events event
    join engage.campaign_messages message using (message_id)
    where event.contact_id = any(:contact_ids) and event.type in ('bounced', 'delivered')
),
since as (
    select contact_id, channel, address,
        greatest(
            max(attempts.occurred_at) filter (where was_delivered),
            (
                select max(lifted_at) from engage.suppressions suppression
                where suppression.contact_id = attempts.contact_id and suppression.channel = attempts.channel
                  and suppression.reason = 'soft_bounce_run' and suppression.address is not distinct from attempts.address
            ),
            '-infinity'
        ) as beginning
    from attempts
    group by contact_id, channel, address
),
in_a_row as (
    select attempts.contact_id, attempts.channel, attempts.address, count(distinct message_id) as bounces,
        max(attempts.occurred_at) as last_at
    from attempts
    join since
        on since.contact_id = attempts.contact_id and since.channel = attempts.channel
        and since.address is not distinct from attempts.address
    where attempts.bounce = 'soft' and attempts.occurred_at > since.beginning
    group by 1, 2, 3
)
insert into engage.suppressions (contact_id, channel, address, reason, source, evidence, created_at, expires_at)
select contact_id, channel, address, 'soft_bounce_run', 'outcomes', jsonb_build_object('bounces', bounces), last_at,
    last_at + make_interval(days => :days)
from in_a_row
where bounces >= :most
on conflict on constraint suppressions_once_key do update
set evidence = excluded.evidence, created_at = excluded.created_at, expires_at = excluded.expires_at, lifted_at = null,
    lifted_by = null, lifted_because = null
where suppressions.lifted_at is not null or suppressions.expires_at <= excluded.created_at;

-- name: pause_complained(run_ids, least, most_of, now)
-- the rate is over the limit when fewer than complaints / limit were delivered: no more than these are counted
with complained as (
    select run.campaign_run_id, campaign.campaign_id, campaign.kind, count(distinct event.message_id) as complaints
    from engage.campaign_runs run
    join engage.campaigns campaign using (campaign_id)
    join engage.message_events event on event.campaign_id = campaign.campaign_id and event.type = 'complained'
    join engage.campaign_messages message on message.message_id = event.message_id
    where run.campaign_run_id = any(:run_ids)
      and (message.campaign_run_id = run.campaign_run_id or campaign.kind = 'triggered')
    group by run.campaign_run_id, campaign.campaign_id
    having count(distinct event.message_id) >= :least
),
measured as (
    select campaign_id, complaints,
        case
            -- each run of a triggered one is a single message: its rate is the campaign's
            when kind = 'triggered' then (
                select count(*) from (
                    select from engage.message_events event
                    where event.campaign_id = complained.campaign_id and event.type = 'delivered'
                    limit ceil(complaints / :most_of)
                ) enough
            )
            else (
                select count(*) from (
                    select from engage.campaign_messages message
                    where message.campaign_run_id = complained.campaign_run_id
                      and (
                          message.state = 'delivered'
                          or (message.state = 'sent' and message.sent_at < :now::timestamptz - interval '72 hours')
                      )
                    limit ceil(complaints / :most_of)
                ) enough
            )
        end as delivered
    from complained
),
worst as (
    select distinct on (campaign_id) campaign_id, complaints, delivered
    from measured
    where complaints > delivered * :most_of
    order by campaign_id, complaints desc
)
update engage.campaigns campaign
set state = 'paused', paused_from = state, is_active = false, updated_at = :now,
    state_reason = format(
        '%%s complaints about %%s delivered mails: more than %%s %%%% of a run complained, and mailbox providers refuse senders '
        'for that. Look at who is written to, then resume.', complaints, delivered, round((:most_of * 100)::numeric, 2)
    )
from worst
where campaign.campaign_id = worst.campaign_id and campaign.state in ('scheduled', 'preparing', 'sending')
returning campaign.key;

-- name: stop_for_our_fault(run_ids, reasons, now)
with faults as (
    select distinct on (run.campaign_id) run.campaign_id, fault.reason
    from unnest(:run_ids::bigint[], :reasons::text[]) as fault (campaign_run_id, reason)
    join engage.campaign_runs run using (campaign_run_id)
),
stopped as (
    update engage.campaign_runs run
    set state = 'stopped_by_guard', reason = faults.reason
    from faults
    where run.campaign_id = faults.campaign_id and run.state in ('preparing', 'sending')
)
update engage.campaigns campaign
set state = 'stopped_by_guard', state_reason = faults.reason, updated_at = :now
from faults
where campaign.campaign_id = faults.campaign_id and campaign.state in ('scheduled', 'preparing', 'sending')
returning campaign.key;

-- name: wake_worker()
select pg_notify('engage_outcomes', '');
