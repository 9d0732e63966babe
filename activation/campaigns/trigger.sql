-- name: hold_campaign(key)
-- nobody cancels or pauses it between the look at its state and the commit
select from engage.campaigns where key = :key for share;

-- name: insert_run(campaign_id, trigger_key, now)
insert into engage.campaign_runs (campaign_id, scheduled_for, trigger_key, state, created_at, epoch)
values (
    :campaign_id, :now, :trigger_key, 'preparing', :now,
    (select epoch from engage.database_epochs order by begun_at desc limit 1)
)
on conflict (campaign_id, trigger_key) where trigger_key is not null do nothing
returning campaign_run_id;

-- name: find_run(campaign_id, trigger_key)
select campaign_run_id from engage.campaign_runs where campaign_id = :campaign_id and trigger_key = :trigger_key;

-- name: open_run(campaign_run_id, now)
update engage.campaign_runs set state = 'sending', started_at = :now where campaign_run_id = :campaign_run_id;

-- name: wake()
select pg_notify('engage_outbox', '');

-- name: outcome(campaign_run_id)
select contact_id, coalesce(reason, state) from engage.campaign_messages where campaign_run_id = :campaign_run_id;
