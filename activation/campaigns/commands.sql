-- name: segment_id(key)
select segment_id from engage.segments where key = :key and is_active;

-- name: segment_keys()
select key from engage.segments where is_active order by key;

-- name: template_id(key)
select template_id from engage.message_templates where key = :key;

-- name: template_keys()
select key from engage.message_templates order by key;

-- name: topic_id(key)
select topic_id from engage.topics where key = :key and is_active;

-- name: topic_keys()
select key from engage.topics where is_active order by key;

-- name: insert_campaign(key, name, kind, segment_id, template_id, cron, time_zone, next_run_at, actor, now)
insert into engage.campaigns
    (key, name, kind, state, segment_id, template_id, message_class, cron, time_zone, next_run_at, created_at, created_by, updated_at)
select :key, :name, :kind, 'draft', :segment_id, template_id, message_class, :cron, :time_zone, :next_run_at, :now, :actor, :now
from engage.message_templates
where template_id = :template_id
on conflict (key) do nothing
returning campaign_id;

-- name: set_rules(campaign_id, topic_id, priority, messages_per_minute, ignores_caps, counts_towards_caps, holdout_percent, excluded_segment_ids, quiet_from, quiet_until, window_from, window_until, window_days, deadline_minutes, window_minutes, now)
update engage.campaigns
set topic_id = :topic_id, priority = :priority, messages_per_minute = :messages_per_minute, ignores_caps = :ignores_caps,
    counts_towards_caps = :counts_towards_caps, holdout_percent = :holdout_percent, excluded_segment_ids = :excluded_segment_ids,
    quiet_from = :quiet_from, quiet_until = :quiet_until, window_from = :window_from, window_until = :window_until,
    window_days = :window_days, deadline_minutes = :deadline_minutes, window_minutes = :window_minutes, updated_at = :now
where campaign_id = :campaign_id;

-- name: set_content(campaign_id, name, segment_id, template_id, cron, time_zone, next_run_at, now)
update engage.campaigns campaign
set name = :name, segment_id = :segment_id, template_id = template.template_id, message_class = template.message_class, cron = :cron,
    time_zone = :time_zone, next_run_at = :next_run_at, updated_at = :now
from engage.message_templates template
where campaign_id = :campaign_id and template.template_id = :template_id;

-- name: set_throttle(campaign_id, messages_per_minute, now)
update engage.campaigns set messages_per_minute = :messages_per_minute, updated_at = :now where campaign_id = :campaign_id;

-- name: find(key)
select campaign_id, campaign.key, campaign.name, campaign.kind, state, state_reason, segment.key as segment,
    segment.title as segment_title, segment.size as segment_size, template.key as template, cron, time_zone,
    campaign.is_active, next_run_at, paused_from, campaign.created_at, campaign.created_by, campaign.message_class,
    topic.key as topic, priority, messages_per_minute, ignores_caps, counts_towards_caps, holdout_percent::float,
    array(
        select excluded.key from engage.segments excluded
        where excluded.segment_id = any(campaign.excluded_segment_ids)
        order by 1
    ) as excluded_segments,
    quiet_from, quiet_until, window_from, window_until, window_days, deadline_minutes, window_minutes
from engage.campaigns campaign
left join engage.segments segment using (segment_id)
join engage.message_templates template using (template_id)
left join engage.topics topic using (topic_id)
where campaign.key = :key;

-- name: lock(key)
select campaign_id, campaign.key, campaign.name, campaign.kind, state, state_reason, segment.key as segment,
    segment.title as segment_title, segment.size as segment_size, template.key as template, cron, time_zone,
    campaign.is_active, next_run_at, paused_from, campaign.created_at, campaign.created_by, campaign.message_class,
    topic.key as topic, priority, messages_per_minute, ignores_caps, counts_towards_caps, holdout_percent::float,
    array(
        select excluded.key from engage.segments excluded
        where excluded.segment_id = any(campaign.excluded_segment_ids)
        order by 1
    ) as excluded_segments,
    quiet_from, quiet_until, window_from, window_until, window_days, deadline_minutes, window_minutes
from engage.campaigns campaign
left join engage.segments segment using (segment_id)
join engage.message_templates template using (template_id)
left join engage.topics topic using (topic_id)
where campaign.key = :key
for update of campaign;

-- name: list_all()
select campaign_id, campaign.key, campaign.name, campaign.kind, state, state_reason, segment.key as segment,
    segment.title as segment_title, segment.size as segment_size, template.key as template, cron, time_zone,
    campaign.is_active, next_run_at, paused_from, campaign.created_at, campaign.created_by, campaign.message_class,
    topic.key as topic, priority, messages_per_minute, ignores_caps, counts_towards_caps, holdout_percent::float,
    array(
        select excluded.key from engage.segments excluded
        where excluded.segment_id = any(campaign.excluded_segment_ids)
        order by 1
    ) as excluded_segments,
    quiet_from, quiet_until, window_from, window_until, window_days, deadline_minutes, window_minutes
from engage.campaigns campaign
left join engage.segments segment using (segment_id)
join engage.message_templates template using (template_id)
left join engage.topics topic using (topic_id)
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
set state = paused_from, paused_from = null, state_reason = null, is_active = true, updated_at = :now
where campaign_id = :campaign_id;

-- name: reschedule(campaign_id, next_run_at, now)
update engage.campaigns set next_run_at = :next_run_at, updated_at = :now where campaign_id = :campaign_id;

-- name: reopen_stopped(campaign_id, now)
-- what a guard stopped is prepared again, so that data tests see it before more of it leaves; triggered messages, which no
-- build looks after, go on where they were. An automation's run that had not taken its audience goes on only as its newest and
-- while its window is open: the same people would get all of them at once
with held as (
    select run.campaign_run_id, campaign.kind = 'triggered' and run.started_at is not null as goes_on,
        case
            when campaign.kind <> 'recurring' or run.snapshot_at is not null then null
            when run.scheduled_for < :now::timestamptz - make_interval(mins => campaign.window_minutes)
                then 'it was held until its window had closed'
            when exists (
                select from engage.campaign_runs newer
                where newer.campaign_id = run.campaign_id and newer.scheduled_for > run.scheduled_for and newer.state <> 'missed'
            ) then 'it was held until a newer run took its place'
        end as missed_because
    from engage.campaign_runs run
    join engage.campaigns campaign using (campaign_id)
    where run.campaign_id = :campaign_id and run.state = 'stopped_by_guard'
),
reopened as (
    update engage.campaign_runs run
    set state = case when missed_because is not null then 'missed' when goes_on then 'sending' else 'preparing' end,
        reason = missed_because, problem = null,
        finished_at = case when missed_because is not null then :now else run.finished_at end
    from held
    where run.campaign_run_id = held.campaign_run_id
    returning run.campaign_id
)
update engage.campaigns campaign
set state = case
        when state <> 'stopped_by_guard' then state
        when kind <> 'broadcast' or next_run_at is not null then 'scheduled'
        when exists (select from engage.campaign_runs run where run.campaign_id = campaign.campaign_id and run.state = 'sending') then 'sending'
        else 'preparing'
    end,
    is_active = is_active or state = 'stopped_by_guard', paused_from = null, state_reason = null, updated_at = :now
where campaign_id = :campaign_id and (state = 'stopped_by_guard' or exists (select from reopened));

-- name: cancel(campaign_id, now)
with cancelled_runs as (
    update engage.campaign_runs
    set state = 'cancelled', reason = 'cancelled by a person', finished_at = :now
    where campaign_id = :campaign_id and state in ('preparing', 'sending', 'stopped_by_guard')
)
update engage.campaigns
set state = 'cancelled', is_active = false, next_run_at = null, paused_from = null, updated_at = :now
where campaign_id = :campaign_id;

-- name: sweep(campaign_id, now)
-- after `cancel`, which waits for a snapshot or a claim under way: what those queued is seen only by a statement that begins later
update engage.campaign_messages
set state = 'cancelled', reason = 'campaign cancelled', state_changed_at = :now
where is_queued and campaign_run_id in (select campaign_run_id from engage.campaign_runs where campaign_id = :campaign_id);

-- name: key_of(wanted)
select key from engage.campaigns where key = :wanted or campaign_id::text = :wanted order by key = :wanted desc limit 1;
