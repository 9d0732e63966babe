-- name: segment_id(key)
select segment_id from engage.segments where key = :key and is_active;

-- name: segment_keys()
select key from engage.segments where is_active order by key;

-- name: template_id(key)
select template_id from engage.message_templates where key = :key;

-- name: template_keys()
select key from engage.message_templates order by key;

-- name: insert_campaign(key, name, kind, segment_id, template_id, cron, time_zone, next_run_at, actor, now)
insert into engage.campaigns
    (key, name, kind, state, segment_id, template_id, cron, time_zone, next_run_at, created_at, created_by, updated_at)
values
    (:key, :name, :kind, 'draft', :segment_id, :template_id, :cron, :time_zone, :next_run_at, :now, :actor, :now)
on conflict (key) do nothing
returning campaign_id;

-- name: find(key)
select campaign_id, campaign.key, campaign.name, campaign.kind, state, state_reason, segment.key as segment,
    segment.title as segment_title, segment.size as segment_size, template.key as template, cron, time_zone,
    campaign.is_active, next_run_at, paused_from, campaign.created_at, campaign.created_by
from engage.campaigns campaign
join engage.segments segment using (segment_id)
join engage.message_templates template using (template_id)
where campaign.key = :key;

-- name: lock(key)
select campaign_id, campaign.key, campaign.name, campaign.kind, state, state_reason, segment.key as segment,
    segment.title as segment_title, segment.size as segment_size, template.key as template, cron, time_zone,
    campaign.is_active, next_run_at, paused_from, campaign.created_at, campaign.created_by
from engage.campaigns campaign
join engage.segments segment using (segment_id)
join engage.message_templates template using (template_id)
where campaign.key = :key
for update of campaign;

-- name: list_all()
select campaign_id, campaign.key, campaign.name, campaign.kind, state, state_reason, segment.key as segment,
    segment.title as segment_title, segment.size as segment_size, template.key as template, cron, time_zone,
    campaign.is_active, next_run_at, paused_from, campaign.created_at, campaign.created_by
from engage.campaigns campaign
join engage.segments segment using (segment_id)
join engage.message_templates template using (template_id)
order by campaign.created_at desc, campaign_id desc;

-- name: launch(campaign_id, next_run_at, now)
update engage.campaigns
set state = 'scheduled', is_active = true, next_run_at = :next_run_at, updated_at = :now
where campaign_id = :campaign_id;

-- name: pause(campaign_id, now)
update engage.campaigns
set state = 'paused', paused_from = state, is_active = false, updated_at = :now
where campaign_id = :campaign_id;

-- name: resume(campaign_id, now)
update engage.campaigns
set state = paused_from, paused_from = null, is_active = true, updated_at = :now
where campaign_id = :campaign_id;

-- name: reschedule(campaign_id, next_run_at, now)
update engage.campaigns set next_run_at = :next_run_at, updated_at = :now where campaign_id = :campaign_id;

-- name: reopen_stopped_runs(campaign_id, now)
with reopened as (
    update engage.campaign_runs
    set state = 'preparing', reason = null, problem = null
    where campaign_id = :campaign_id and state = 'stopped_by_guard'
    returning campaign_id
)
update engage.campaigns campaign
set state = case when kind = 'broadcast' and state = 'stopped_by_guard' then 'preparing' else state end,
    state_reason = null, updated_at = :now
from (select distinct campaign_id from reopened) stopped
where campaign.campaign_id = stopped.campaign_id;

-- name: cancel(campaign_id, now)
with cancelled_runs as (
    update engage.campaign_runs
    set state = 'cancelled', reason = 'cancelled by a person', finished_at = :now
    where campaign_id = :campaign_id and state in ('preparing', 'sending', 'stopped_by_guard')
),
swept as (
    update engage.campaign_messages
    set state = 'cancelled', reason = 'campaign cancelled', state_changed_at = :now
    where is_queued and campaign_run_id in (select campaign_run_id from engage.campaign_runs where campaign_id = :campaign_id)
)
update engage.campaigns
set state = 'cancelled', is_active = false, next_run_at = null, updated_at = :now
where campaign_id = :campaign_id;

-- name: key_of(wanted)
select key from engage.campaigns where key = :wanted or campaign_id::text = :wanted order by key = :wanted desc limit 1;
