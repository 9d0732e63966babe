-- name: held_zones(campaign_run_id, now)
-- rows whose permitted hours are over, by zone, with the hours of the run
select message.time_zone, run.quiet_from, run.quiet_until, run.window_from, run.window_until, run.window_days
from engage.campaign_messages message
join engage.campaign_runs run using (campaign_run_id)
where message.campaign_run_id = :campaign_run_id and message.is_queued and message.hold_at <= :now
group by 1, 2, 3, 4, 5, 6;

-- name: hold(campaign_run_id, zones, begins, ends, now)
-- they wait for their next hours; those whose campaign is over by then are left out
update engage.campaign_messages message
set next_attempt_at = span.begins, hold_at = span.ends,
    state = case when span.begins > run.deadline_at then 'skipped' else message.state end,
    reason = case when span.begins > run.deadline_at then 'quiet_hours_expired' end,
    state_changed_at = :now
from unnest(:zones::text[], :begins::text[]::timestamptz[], :ends::text[]::timestamptz[]) as span (time_zone, begins, ends)
cross join engage.campaign_runs run
where run.campaign_run_id = :campaign_run_id and message.campaign_run_id = run.campaign_run_id and message.is_queued
  and message.hold_at <= :now and message.time_zone = span.time_zone;
