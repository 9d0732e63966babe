-- name: due(now)
select campaign_id, key, next_run_at as scheduled_for
from engage.campaigns
where next_run_at <= :now and state = 'scheduled'
order by next_run_at, campaign_id;

-- name: lock_campaign(campaign_id)
select state, next_run_at, cron, time_zone, window_minutes
from engage.campaigns
where campaign_id = :campaign_id
for update;

-- name: advance(campaign_id, next_run_at, is_missed, now)
update engage.campaigns
set next_run_at = :next_run_at,
    state = case when kind = 'recurring' then state when :is_missed then 'missed' else 'preparing' end,
    updated_at = :now
where campaign_id = :campaign_id;

-- name: insert_run(campaign_id, scheduled_for, state, reason, now)
insert into engage.campaign_runs (campaign_id, scheduled_for, state, reason, created_at, finished_at, epoch)
values (
    :campaign_id, :scheduled_for, :state, :reason, :now, case when :state = 'missed' then :now::timestamptz end,
    (select epoch from engage.database_epochs order by begun_at desc limit 1)
)
on conflict (campaign_id, scheduled_for, trigger_key) do nothing
returning campaign_run_id;

-- name: find_run(campaign_id, scheduled_for)
select campaign_run_id from engage.campaign_runs where campaign_id = :campaign_id and scheduled_for = :scheduled_for;

-- name: open_runs()
select run.campaign_run_id, run.campaign_id, campaign.key, campaign.name, run.state, run.scheduled_for, run.snapshot_at
from engage.campaign_runs run
join engage.campaigns campaign using (campaign_id)
where run.state in ('preparing', 'sending')
order by run.campaign_run_id;

-- name: lock_run(campaign_run_id)
select campaign_id, campaign.key, run.state, run.snapshot_at, run.scheduled_for
from engage.campaign_runs run
join engage.campaigns campaign using (campaign_id)
where run.campaign_run_id = :campaign_run_id
for update of run;

-- name: stop_run(campaign_run_id, reason, now)
with stopped as (
    update engage.campaign_runs
    set state = 'stopped_by_guard', reason = :reason
    where campaign_run_id = :campaign_run_id
    returning campaign_id
)
update engage.campaigns campaign
set state = case when kind = 'broadcast' then 'stopped_by_guard' else state end, state_reason = :reason, updated_at = :now
from stopped
where campaign.campaign_id = stopped.campaign_id;

-- name: finish_snapshot(campaign_run_id, targeted, sender, provider, deadline_at, message_class, topic_id, priority, ignores_caps, quiet_from, quiet_until, window_from, window_until, window_days, template_version_id, now)
-- what the campaign says now is what the run keeps, whatever is edited later
update engage.campaign_runs
set snapshot_at = :now, targeted = :targeted, sender = :sender, provider = :provider, deadline_at = :deadline_at,
    message_class = :message_class, topic_id = :topic_id, priority = :priority, ignores_caps = :ignores_caps,
    quiet_from = :quiet_from, quiet_until = :quiet_until, window_from = :window_from, window_until = :window_until,
    window_days = :window_days, template_version_id = :template_version_id
where campaign_run_id = :campaign_run_id;

-- name: snapshot_counts(campaign_run_id)
select state, reason, count(*) from engage.campaign_messages where campaign_run_id = :campaign_run_id group by 1, 2;

-- name: stop_prepared_runs(reason, now)
with stopped as (
    update engage.campaign_runs
    set state = 'stopped_by_guard', reason = :reason
    where state = 'preparing' and snapshot_at is not null
    returning campaign_id
)
update engage.campaigns campaign
set state = case when kind = 'broadcast' then 'stopped_by_guard' else state end, state_reason = :reason, updated_at = :now
from stopped
where campaign.campaign_id = stopped.campaign_id
returning campaign.key;

-- name: open_prepared_runs(suites, now)
-- only runs whose snapshot the newest tests have seen
with tested as (
    select min(checked_at) as at
    from (select suite, max(checked_at) as checked_at from engage.data_test_results where suite = any(:suites) group by suite)
        as newest
),
opened as (
    update engage.campaign_runs run
    set state = 'sending', started_at = :now
    from tested, engage.campaigns campaign
    where run.state = 'preparing' and run.snapshot_at <= tested.at and campaign.campaign_id = run.campaign_id
      and campaign.state not in ('paused', 'cancelled', 'stopped_by_guard')
    returning run.campaign_id
)
update engage.campaigns campaign
set state = 'sending', updated_at = :now
from opened
where campaign.campaign_id = opened.campaign_id and campaign.kind = 'broadcast' and campaign.state = 'preparing';

-- name: finish_runs(now)
with finished as (
    update engage.campaign_runs run
    set state = 'finished', finished_at = :now, problem = null,
        reason = case when targeted = 0 then 'the segment was empty' end
    where state = 'sending'
      and not exists (
          select from engage.campaign_messages message
          where message.campaign_run_id = run.campaign_run_id and message.is_queued
      )
      and not exists (
          select from engage.send_batches batch
          where batch.campaign_run_id = run.campaign_run_id and batch.state in ('claimed', 'frozen')
      )
    returning campaign_id
),
ended as (
    update engage.campaigns campaign
    set state = 'finished', is_active = false, paused_from = null, updated_at = :now
    from finished
    where campaign.campaign_id = finished.campaign_id and campaign.kind = 'broadcast'
      and (campaign.state = 'sending' or campaign.state = 'paused' and campaign.paused_from = 'sending')
)
select key from engage.campaigns where campaign_id in (select campaign_id from finished) order by key;

-- name: state_counts(key)
select message.state, count(*)
from engage.campaign_messages message
where campaign_run_id in (
    select campaign_run_id from engage.campaign_runs join engage.campaigns campaign using (campaign_id) where campaign.key = :key
)
group by 1
order by 1;

-- name: ledger(key)
select coalesce(sum(counted.targeted), 0)::bigint as targeted, coalesce(sum(queued), 0)::bigint as queued,
    coalesce(sum(claimed), 0)::bigint as claimed, coalesce(sum(sent), 0)::bigint as sent,
    coalesce(sum(delivered), 0)::bigint as delivered, coalesce(sum(bounced), 0)::bigint as bounced,
    coalesce(sum(skipped), 0)::bigint as skipped, coalesce(sum(failed), 0)::bigint as failed,
    coalesce(sum(cancelled), 0)::bigint as cancelled, coalesce(sum(unknown), 0)::bigint as unknown,
    coalesce(sum(dead), 0)::bigint as dead, coalesce(bool_and(adds_up), true) as adds_up
from engage.campaigns campaign
join engage.campaign_run_counts counted using (campaign_id)
where campaign.key = :key;

-- name: skip_counts(key)
select message.reason, count(*)
from engage.campaign_messages message
where message.state = 'skipped' and campaign_run_id in (
    select campaign_run_id from engage.campaign_runs join engage.campaigns campaign using (campaign_id) where campaign.key = :key
)
group by 1
order by 2 desc, 1;

-- name: open_counts()
select message.state, count(*)
from engage.campaign_messages message
where message.campaign_run_id in (
    select campaign_run_id from engage.campaign_runs
    where state in ('preparing', 'sending') or finished_at > (select max(finished_at) from engage.campaign_runs) - interval '1 day'
)
group by 1;

-- name: unattended(now)
-- runs with something to do that nobody is doing: no delivery beats for them, and they are not brand new
select run.campaign_run_id, run.campaign_id, campaign.key, campaign.name, run.state, run.scheduled_for, run.snapshot_at
from engage.campaign_runs run
join engage.campaigns campaign using (campaign_id)
where run.state in ('preparing', 'sending') and campaign.state not in ('paused', 'cancelled', 'stopped_by_guard')
  and campaign.kind <> 'triggered'
  and coalesce(run.started_at, run.snapshot_at, run.created_at) < :now::timestamptz - interval '20 seconds'
  and not exists (
      select from engage.service_heartbeats beat
      where beat.service = format('delivery/%%s', run.campaign_run_id) and beat.beat_at > :now::timestamptz - interval '20 seconds'
  )
  and (
      run.state = 'preparing'
      or exists (
          select from engage.campaign_messages message
          where message.campaign_run_id = run.campaign_run_id and message.is_queued and message.next_attempt_at <= :now
      )
      or exists (
          select from engage.send_batches batch
          where batch.campaign_run_id = run.campaign_run_id and batch.state in ('claimed', 'frozen')
            and batch.next_attempt_at <= :now and (batch.lease_until is null or batch.lease_until <= :now)
      )
      or not exists (
          select from engage.campaign_messages message
          where message.campaign_run_id = run.campaign_run_id and message.is_queued
      ) and not exists (
          select from engage.send_batches batch
          where batch.campaign_run_id = run.campaign_run_id and batch.state in ('claimed', 'frozen')
      )
  )
order by run.campaign_run_id;

-- name: problems(key)
select format('run of %%s: %%s', to_char(run.scheduled_for, 'YYYY-MM-DD HH24:MI "UTC"'), coalesce(run.problem, run.reason))
from engage.campaign_runs run
join engage.campaigns campaign using (campaign_id)
where campaign.key = :key and coalesce(run.problem, run.reason) is not null
order by run.campaign_run_id desc
limit 10;
