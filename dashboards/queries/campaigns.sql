-- name: list_all()
select campaign.key, campaign.name, campaign.kind, campaign.state, segment.title as segment, template.name as template,
    campaign.cron, campaign.time_zone, campaign.next_run_at, funnel.last_run_at, funnel.sent, funnel.open_rate, funnel.click_rate
from engage.campaigns campaign
left join engage.segments segment using (segment_id)
join engage.message_templates template using (template_id)
left join marts.campaign_funnel funnel using (campaign_id)
order by campaign.created_at desc, campaign.campaign_id desc;

-- name: one(key)
select campaign.campaign_id, campaign.key, campaign.name, campaign.kind, campaign.state, campaign.state_reason, segment.key as segment_key,
    segment.title as segment, template.name as template, version.subject, campaign.cron, campaign.time_zone, campaign.next_run_at,
    campaign.created_at, campaign.created_by
from engage.campaigns campaign
left join engage.segments segment using (segment_id)
join engage.message_templates template using (template_id)
join lateral (
    select subject from engage.template_versions where template_id = campaign.template_id order by version desc limit 1
) version on true
where campaign.key = :key;

-- name: ledger(campaign_id, run)
-- every message in exactly one state, over all runs or of one
select coalesce(sum(counted.targeted), 0)::bigint as targeted, coalesce(sum(queued), 0)::bigint as queued,
    coalesce(sum(claimed), 0)::bigint as claimed, coalesce(sum(sent), 0)::bigint as sent,
    coalesce(sum(delivered), 0)::bigint as delivered, coalesce(sum(bounced), 0)::bigint as bounced,
    coalesce(sum(skipped), 0)::bigint as skipped, coalesce(sum(failed), 0)::bigint as failed,
    coalesce(sum(cancelled), 0)::bigint as cancelled, coalesce(sum(unknown), 0)::bigint as unknown,
    coalesce(sum(dead), 0)::bigint as dead, coalesce(bool_and(adds_up), true) as adds_up
from engage.campaign_run_counts counted
where counted.campaign_id = :campaign_id and (:run::bigint is null or counted.campaign_run_id = :run);

-- name: now(key)
-- what may change while somebody looks on
select campaign.state, campaign.state_reason, campaign.next_run_at, campaign.messages_per_minute, run.problem, run.provider
from engage.campaigns campaign
left join lateral (
    select problem, provider from engage.campaign_runs
    where campaign_id = campaign.campaign_id and state in ('preparing', 'sending')
    order by campaign_run_id desc
    limit 1
) run on true
where campaign.key = :key;

-- name: reasons(campaign_id)
select message.state, message.reason, count(*) as messages
from engage.campaign_runs run
join engage.campaign_messages message using (campaign_run_id)
where run.campaign_id = :campaign_id and message.state in ('skipped', 'failed')
group by 1, 2
order by 3 desc
limit 30;

-- name: outcomes(campaign_id)
select count(delivered_at) as delivered, count(opened_at) as opened, count(clicked_at) as clicked, count(bounced_at) as bounced,
    count(unsubscribed_at) as unsubscribed
from marts.message_outcomes
where campaign_id = :campaign_id;

-- name: runs(campaign_id)
select run.scheduled_for, run.state, run.targeted, run.started_at, run.finished_at, run.provider, coalesce(run.problem, run.reason) as remark
from engage.campaign_runs run
where run.campaign_id = :campaign_id
order by run.scheduled_for desc
limit 20;

-- name: daily(campaign_id)
select day, sent, delivered, opened, clicked, unsubscribed
from marts.campaign_daily
where campaign_id = :campaign_id
order by day;

-- name: run_choices(campaign_id)
select campaign_run_id, scheduled_for, targeted from engage.campaign_runs
where campaign_id = :campaign_id
order by scheduled_for desc
limit 100;

-- name: messages(run, state, reason, text, id, after, limit)
-- by contact, along the key of the outbox: a page far down costs what the first does
select message.contact_id, profile.full_name, message.address, message.state, message.reason, message.reason_detail, message.provider,
    message.sent_at, message.state_changed_at
from engage.campaign_messages message
left join profiles.contact_profiles profile on profile.contact_id = message.contact_id
where message.campaign_run_id = :run
  and (:after::bigint is null or message.contact_id > :after)
  and (:state::text is null or message.state = :state)
  and (:reason::text is null or message.reason = :reason)
  and (:text::text is null or message.contact_id = :id or starts_with(lower(message.address), lower(:text)))
order by message.contact_id
limit :limit;

-- name: settings(key)
select campaign.key, campaign.name, campaign.kind, campaign.state, segment.key as segment, template.key as template, campaign.cron,
    campaign.time_zone, campaign.next_run_at, topic.key as topic, campaign.priority, campaign.messages_per_minute,
    campaign.ignores_caps, campaign.counts_towards_caps, campaign.holdout_percent::float as holdout_percent,
    array(select key from engage.segments where segment_id = any(campaign.excluded_segment_ids) order by key) as excluded_segments,
    campaign.quiet_from, campaign.quiet_until, campaign.window_from, campaign.window_until, campaign.window_days,
    campaign.deadline_minutes, campaign.window_minutes
from engage.campaigns campaign
join engage.message_templates template using (template_id)
left join engage.segments segment using (segment_id)
left join engage.topics topic using (topic_id)
where campaign.key = :key;

-- name: topics()
select key, name, description from engage.topics where is_active order by name;

-- name: audiences()
select segment_id, key, title, size, problem from engage.segments where is_active order by title;

-- name: templates()
select key, name, message_class from engage.message_templates where channel = 'email' order by name;
