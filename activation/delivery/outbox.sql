-- name: lock_caps(channel)
-- one claim of marketing at a time on a channel, so that no two see the same last slot under a cap; let go at the commit
select pg_advisory_xact_lock(7301002, hashtext(:channel));

-- name: lock_day(provider)
-- whoever gives mails back to their provider's day locks that first and then the run: so does a claim
select from engage.send_quotas where quota = 'provider/' || :provider and daily_limit is not null for update;

-- name: lock_run(campaign_run_id)
-- whoever cancels holds the run and then its queued rows: a claim takes the run first as well, so that neither waits for the other
select from engage.campaign_runs where campaign_run_id = :campaign_run_id for no key update;

-- name: claim(campaign_run_id, provider, unknown_counts, most, batch_size, shard, shards, workspace, owner, lease_until, now)
-- due rows leave in batches; consent, suppression, caps and hours are asked again here, and the state of run and campaign
with run as materialized (
    select run.campaign_run_id, run.campaign_id, run.message_class, run.topic_id, run.priority, run.scheduled_for, run.deadline_at,
        run.message_class = 'marketing' and not run.ignores_caps as heeds_caps, campaign.channel,
        campaign.messages_per_minute / 60.0 as rate, coalesce(cap.most, 2147483647) as cap,
        :now::timestamptz - make_interval(hours => coalesce(cap.window_hours, 0)) as cap_since
    from engage.campaign_runs run
    join engage.campaigns campaign using (campaign_id)
    left join engage.frequency_caps cap on cap.channel = campaign.channel and cap.is_active
    where run.campaign_run_id = :campaign_run_id and run.state = 'sending'
      and campaign.state not in ('paused', 'cancelled', 'stopped_by_guard')
),
-- what the throttle has saved up: at most two seconds' worth. Nothing for a clock that went back; nor does a worker whose
-- clock is a little behind the others' turn it back, or they would fill it twice
bucket as materialized (
    select quota,
        least(
            greatest(2 * run.rate, 1), tokens + greatest(extract(epoch from :now::timestamptz - refilled_at), 0) * run.rate
        ) as tokens,
        case
            when :now::timestamptz between refilled_at - interval '1 minute' and refilled_at then refilled_at else :now::timestamptz
        end as refilled_at
    from run
    join engage.send_quotas on quota = format('campaign/%%s', run.campaign_id)
    where run.rate is not null
    for update of send_quotas
),
daily as materialized (
    select quota, daily_limit - case when day = (:now::timestamptz at time zone 'UTC')::date then used_today else 0 end as left_today
    from engage.send_quotas
    where quota = 'provider/' || :provider and daily_limit is not null
    for update
),
allowance as (
    select greatest(0, least(
        :most,
        case when run.rate is not null then coalesce((select floor(tokens) from bucket), 0) end,
        (select left_today from daily)
    ))::bigint as messages
    from run
),
-- the inner limit is a number that Postgres knows when it plans: by the other one it would expect a tenth of the whole run, and
-- may read all contacts for a thousand rows. Rows are locked as they are taken, so no more than the allowance
due as materialized (
    select *
    from (
        select message.message_id, message.contact_id, message.address, message.next_attempt_at
        from engage.campaign_messages message
        where message.campaign_run_id = (select campaign_run_id from run) and message.is_queued
          and message.next_attempt_at <= :now and (message.hold_at is null or message.hold_at > :now)
          and (:shards = 1 or message.contact_id %% :shards = :shard)
        order by message.next_attempt_at, message.message_id
        limit :most
        for update of message skip locked
    ) ready
    limit (select messages from allowance)
),
checked as materialized (
    select due.message_id, due.next_attempt_at,
        case
            when run.deadline_at <= :now then 'outside_window'
            when contact.contact_id is null then 'no_address' -- merged into another, or gone
            when person.reason is not null then person.reason
            when inbox.reason is not null then inbox.reason
            when run.message_class = 'marketing' and coalesce(
                    said.status, case when contact.email_consent = 'unknown' and :unknown_counts then 'subscribed' else contact.email_consent end
                ) is distinct from 'subscribed' then 'no_consent'
            when said.status = 'subscribed' and contact.email_consent = 'unsubscribed'
                and engage.crm_unsubscribed_at(due.contact_id, run.channel) > said.occurred_at then 'no_consent'
            when slots.used >= run.cap then 'frequency_cap'
        end as reason,
        coalesce(slots.used + slots.promised >= run.cap, false) as yields
    from run
    cross join due
    left join core.contacts contact using (contact_id)
    left join lateral (
        select min(case suppression.reason when 'unsubscribed_topic' then 'unsubscribed_topic' else 'suppressed' end) as reason
        from engage.suppressions suppression
        where suppression.contact_id = due.contact_id and suppression.channel = run.channel
          and suppression.lifted_at is null and (suppression.expires_at is null or suppression.expires_at > :now)
          and (
              suppression.reason in ('complaint', 'manual', 'erased')
              or run.message_class = 'marketing' and (
                  suppression.reason = 'unsubscribed_all'
                  or suppression.reason = 'unsubscribed_topic' and suppression.topic_id = run.topic_id
              )
          )
    ) person on true
    left join lateral (
        select min(case suppression.reason when 'unsubscribed_topic' then 'unsubscribed_topic' else 'suppressed' end) as reason
        from engage.suppressions suppression
        where suppression.address = due.address and suppression.channel = run.channel
          and suppression.lifted_at is null and (suppression.expires_at is null or suppression.expires_at > :now)
          and (
              suppression.reason not in ('unsubscribed_all', 'unsubscribed_topic')
              or run.message_class = 'marketing' and (
                  suppression.reason = 'unsubscribed_all' or suppression.topic_id = run.topic_id
              )
          )
    ) inbox on true
    left join lateral (
        select record.status, record.occurred_at
        from engage.consent_records record
        where run.message_class = 'marketing' and record.contact_id = due.contact_id and record.channel = run.channel
          and (record.topic_id is null or record.topic_id = run.topic_id)
        order by record.occurred_at desc, record.consent_record_id desc
        limit 1
    ) said on true
    -- used: what counts towards the cap; promised: rows of runs that come before this one for the same slot
    left join lateral (
        select
            count(*) filter (
                where other.state in ('claimed', 'sent', 'delivered', 'bounced', 'unknown')
                  and coalesce(other.sent_at, other.state_changed_at) > run.cap_since
            ) as used,
            count(*) filter (
                where other.is_queued and other.next_attempt_at <= :now and rival.state = 'sending'
                  and rival_campaign.state not in ('paused', 'cancelled', 'stopped_by_guard')
                  and (rival.priority, run.scheduled_for, run.campaign_run_id) > (run.priority, rival.scheduled_for, rival.campaign_run_id)
            ) as promised
        from engage.campaign_messages other
        left join engage.campaign_runs rival on other.is_queued and rival.campaign_run_id = other.campaign_run_id
        left join engage.campaigns rival_campaign on rival_campaign.campaign_id = rival.campaign_id
        where run.heeds_caps and other.contact_id = due.contact_id and other.is_capped and other.channel = run.channel
          and other.message_id <> due.message_id and other.created_at > run.cap_since - interval '31 days'
    ) slots on true
),
skipped as (
    update engage.campaign_messages message
    set state = 'skipped', reason = checked.reason, state_changed_at = :now
    from checked
    where message.message_id = checked.message_id and checked.reason is not null
),
-- the slot is promised to a campaign that goes first: asked again when that one has left
yielded as (
    update engage.campaign_messages message
    set next_attempt_at = :now::timestamptz + interval '5 seconds'
    from checked
    where message.message_id = checked.message_id and checked.reason is null and checked.yields
),
numbered as (
    select message_id, (row_number() over (order by next_attempt_at, message_id) - 1) / :batch_size as batch
    from checked
    where reason is null and not yields
),
grouped as materialized (
    select batch, count(*) as size, array_agg(message_id order by message_id) as message_ids
    from numbered
    group by batch
),
counter as (
    update engage.campaign_runs
    set last_batch_number = last_batch_number + (select count(*) from grouped)
    where campaign_run_id = :campaign_run_id and exists (select from grouped)
    returning last_batch_number - (select count(*) from grouped) as before
),
batches as (
    insert into engage.send_batches
        (campaign_run_id, batch_number, provider, idempotency_key, state, size, message_ids, lease_owner, lease_until, next_attempt_at,
         created_at)
    select :campaign_run_id, counter.before + grouped.batch + 1, :provider,
        format('%%s/%%s/%%s', :workspace::text, :campaign_run_id::bigint, counter.before + grouped.batch + 1),
        'claimed', grouped.size, grouped.message_ids, :owner, :lease_until, :now, :now
    from grouped
    cross join counter
    returning batch_id, message_ids
),
members as (
    select batches.batch_id, member.message_id
    from batches
    cross join unnest(batches.message_ids) as member (message_id)
),
claimed as (
    update engage.campaign_messages message
    set state = 'claimed', batch_id = members.batch_id, provider = :provider, state_changed_at = :now
    from members
    where message.message_id = members.message_id
),
spent as (
    update engage.send_quotas
    set tokens = bucket.tokens - (select count(*) from numbered), refilled_at = bucket.refilled_at
    from bucket
    where send_quotas.quota = bucket.quota
),
counted as (
    update engage.send_quotas
    set day = (:now::timestamptz at time zone 'UTC')::date,
        used_today = daily_limit - daily.left_today + (select count(*) from numbered)
    from daily
    where send_quotas.quota = daily.quota
)
select batch_id from batches;

-- name: members(batch_ids)
-- what batches hold. Not asked by the claim itself: as long as such an answer is not read, its locks would be held
select batch.batch_id, batch.idempotency_key, message.message_id, message.address, message.template_version_id, message.tokens
from engage.send_batches batch
cross join unnest(batch.message_ids) as member (message_id)
join engage.campaign_messages message on message.message_id = member.message_id
where batch.batch_id = any(:batch_ids)
order by batch.batch_id, message.message_id;

-- name: abandoned(campaign_run_id, keyed, now)
-- batches of which nothing was processed, and that nobody will send: their worker is gone, or their provider asked for a break
-- and was switched off or lost its key meanwhile, or the campaign was cancelled
select batch_id
from engage.send_batches batch
where campaign_run_id = :campaign_run_id and state in ('claimed', 'frozen') and attempts = 0
  and (
      lease_until < :now
      or lease_until is null and (
          batch.provider <> all(:keyed)
          or not exists (select from engage.channel_providers known where known.provider = batch.provider and known.is_active)
          or exists (select from engage.campaign_runs run where run.campaign_run_id = batch.campaign_run_id and run.state = 'cancelled')
      )
  )
for update skip locked;

-- name: unspend(batch_ids)
-- what is given back does not count towards its provider's day. Before the run is locked, as a claim does it
update engage.send_quotas quota
set used_today = greatest(0, used_today - returned.messages)
from (
    select provider, (created_at at time zone 'UTC')::date as day, sum(size) as messages
    from engage.send_batches
    where batch_id = any(:batch_ids)
    group by 1, 2
) returned
where quota.quota = 'provider/' || returned.provider and quota.day = returned.day and quota.daily_limit is not null;

-- name: give_back(campaign_run_id, batch_ids, now)
-- their rows may leave in others
with released as (
    update engage.send_batches batch
    set state = 'released', body = null, finished_at = :now, lease_until = null, lease_epoch = lease_epoch + 1,
        problem = coalesce(problem, 'its worker was gone before it was sent')
    where batch.batch_id = any(:batch_ids)
    returning batch.batch_id, batch.message_ids
)
update engage.campaign_messages message
set state = case when run.state = 'cancelled' then 'cancelled' else 'queued' end,
    reason = case when run.state = 'cancelled' then 'campaign cancelled' end, batch_id = null, state_changed_at = :now
from released
cross join (select state from engage.campaign_runs where campaign_run_id = :campaign_run_id for share) as run
where message.message_id = any(released.message_ids) and message.batch_id = released.batch_id and message.state = 'claimed';

-- name: take_over(campaign_run_id, providers, most, owner, lease_until, now)
-- batches whose turn has come and whose worker is gone; the epoch makes that worker's late words count for nothing
with due as materialized (
    select batch_id
    from engage.send_batches
    where campaign_run_id = :campaign_run_id and state = 'frozen' and next_attempt_at <= :now
      and provider = any(:providers) and (lease_until is null or attempts > 0 and lease_until < :now)
    order by batch_id
    limit :most
    for update skip locked
)
update engage.send_batches batch
set lease_owner = :owner, lease_until = :lease_until, lease_epoch = lease_epoch + 1
from due
where batch.batch_id = due.batch_id
returning batch.batch_id, provider, idempotency_key, size, message_ids, body, lease_epoch, attempts, first_attempt_at;

-- name: freeze(batch_ids, bodies, hashes, started, lease_until, now)
-- the exact bytes, before the first of them leaves; what leaves at once has begun its first attempt
update engage.send_batches batch
set state = 'frozen', body = frozen.body, body_sha256 = frozen.hash, lease_until = :lease_until,
    attempts = case when frozen.started then 1 else 0 end,
    first_attempt_at = case when frozen.started then :now::timestamptz end
from unnest(:batch_ids::bigint[], :bodies::bytea[], :hashes::text[], :started::boolean[]) as frozen (batch_id, body, hash, started)
where batch.batch_id = frozen.batch_id and batch.state = 'claimed' and batch.lease_epoch = 1
returning batch.batch_id;

-- name: leave_out(batch_id, message_ids, details, now)
-- those that cannot be rendered fail alone; the batch goes without them
with broken as (
    update engage.campaign_messages message
    set state = 'skipped', reason = 'render_error', reason_detail = broken.detail, batch_id = null, state_changed_at = :now
    from unnest(:message_ids::bigint[], :details::text[]) as broken (message_id, detail)
    where message.message_id = broken.message_id and message.batch_id = :batch_id and message.state = 'claimed'
    returning message.message_id
)
update engage.send_batches
set message_ids = (
        select coalesce(array_agg(member order by position), '{}')
        from unnest(message_ids) with ordinality as members (member, position)
        where member not in (select message_id from broken)
    ),
    size = size - (select count(*) from broken)
where batch_id = :batch_id;

-- name: begin_attempt(batch_id, lease_epoch, lease_until, now)
update engage.send_batches
set attempts = attempts + 1, first_attempt_at = coalesce(first_attempt_at, :now), lease_until = :lease_until
where batch_id = :batch_id and lease_epoch = :lease_epoch and state = 'frozen'
returning attempts;

-- name: park_forgotten(campaign_run_id, before, now)
-- batches that may have been taken and wait for a provider that is not well: past the time that it remembers their keys
with forgotten as materialized (
    select batch_id
    from engage.send_batches
    where campaign_run_id = :campaign_run_id and state = 'frozen' and attempts > 0 and first_attempt_at < :before
      and (lease_until is null or lease_until < :now)
    for update skip locked
),
parked as (
    update engage.send_batches batch
    set state = 'unknown', finished_at = :now, lease_until = null, lease_epoch = lease_epoch + 1
    from forgotten
    where batch.batch_id = forgotten.batch_id
    returning batch.batch_id, batch.message_ids, batch.problem
)
update engage.campaign_messages message
set state = 'unknown', reason = 'too late to try again safely', reason_detail = parked.problem, state_changed_at = :now
from parked
where message.message_id = any(parked.message_ids) and message.batch_id = parked.batch_id and message.state = 'claimed';

-- name: set_problem(campaign_run_id, problem)
update engage.campaign_runs set problem = :problem where campaign_run_id = :campaign_run_id and problem is distinct from :problem;

-- name: waiting(campaign_run_id, provider, usable, now)
-- when the next row is due, or the next batch of a provider that is well; empty when none is open
with run as (
    select run.campaign_run_id, campaign_id, campaign.messages_per_minute / 60.0 as rate
    from engage.campaign_runs run
    join engage.campaigns campaign using (campaign_id)
    where campaign_run_id = :campaign_run_id and run.state = 'sending' and campaign.state not in ('paused', 'cancelled', 'stopped_by_guard')
)
select
    least(
        (
            select greatest(
                    message.next_attempt_at,
                    (
                        select refilled_at + make_interval(secs => greatest(0, 1 - tokens) / rate)
                        from engage.send_quotas
                        where quota = format('campaign/%%s', run.campaign_id) and run.rate is not null
                    ),
                    (
                        select (day + 1)::timestamp at time zone 'UTC'
                        from engage.send_quotas
                        where quota = 'provider/' || :provider and day = (:now::timestamptz at time zone 'UTC')::date and used_today >= daily_limit
                    )
                )
            from run
            join engage.campaign_messages message using (campaign_run_id)
            where message.is_queued
            order by message.next_attempt_at
            limit 1
        ),
        (
            select min(greatest(next_attempt_at, coalesce(lease_until, next_attempt_at))) from engage.send_batches
            where campaign_run_id = :campaign_run_id and (state = 'claimed' or state = 'frozen' and provider = any(:usable))
        )
    );

-- name: sendable_runs(kinds)
-- runs to work on, the most urgent first: those sending, and those cancelled while a batch of theirs was on its way
select run.campaign_run_id, run.campaign_id, campaign.key, campaign.name, run.sender, run.provider, run.message_class,
    campaign.channel, campaign.messages_per_minute is not null as is_throttled,
    coalesce(run.quiet_from, run.window_from) is not null or run.window_days is not null as has_hours
from engage.campaign_runs run
join engage.campaigns campaign using (campaign_id)
where campaign.kind = any(:kinds) and (
    (run.state = 'sending' and campaign.state not in ('paused', 'cancelled', 'stopped_by_guard'))
    or run.state in ('sending', 'cancelled', 'stopped_by_guard') and exists (
        select from engage.send_batches batch
        where batch.campaign_run_id = run.campaign_run_id and batch.state in ('claimed', 'frozen')
    )
)
order by run.priority desc, run.scheduled_for, run.campaign_run_id;

-- name: open_bucket(campaign_run_id, now)
insert into engage.send_quotas (quota, tokens, refilled_at)
select format('campaign/%%s', campaign_id), 1, :now
from engage.campaign_runs
join engage.campaigns campaign using (campaign_id)
where campaign_run_id = :campaign_run_id and campaign.messages_per_minute is not null
on conflict (quota) do nothing;

-- name: beat(campaign_run_id, host, pid, now)
insert into engage.service_heartbeats as beat (service, host, pid, started_at, beat_at)
values (format('delivery/%%s', :campaign_run_id::bigint), :host, :pid, :now, :now)
on conflict (service, host) do update set pid = excluded.pid, beat_at = excluded.beat_at;

-- name: rest(campaign_run_id, host, now)
-- with what workers that were killed left behind
delete from engage.service_heartbeats
where service = format('delivery/%%s', :campaign_run_id::bigint) and host = :host
   or service like 'delivery/%%' and beat_at < :now::timestamptz - interval '1 day';

-- name: epoch()
select epoch from engage.database_epochs order by begun_at desc limit 1;
