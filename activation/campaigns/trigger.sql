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

-- name: open_run(campaign_run_id, sender, provider, deadline_at, now)
update engage.campaign_runs run
set state = 'sending', snapshot_at = :now, started_at = :now, sender = :sender, provider = :provider, deadline_at = :deadline_at,
    message_class = campaign.message_class, topic_id = campaign.topic_id, priority = campaign.priority,
    ignores_caps = campaign.ignores_caps,
    targeted = (select count(*) from engage.campaign_messages message where message.campaign_run_id = run.campaign_run_id),
    template_version_id = (
        select template_version_id from engage.template_versions version
        where version.template_id = campaign.template_id
        order by version.version desc
        limit 1
    )
from engage.campaigns campaign
where run.campaign_run_id = :campaign_run_id and campaign.campaign_id = run.campaign_id;

-- name: wake()
select pg_notify('engage_outbox', '');

-- name: outcome(campaign_run_id)
select contact_id, coalesce(reason, state) from engage.campaign_messages where campaign_run_id = :campaign_run_id;
