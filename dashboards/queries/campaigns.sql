-- name: list_all()
select campaign.key, campaign.name, campaign.kind, campaign.state, segment.title as segment, template.name as template,
    campaign.cron, campaign.time_zone, campaign.next_run_at, funnel.last_run_at, funnel.sent, funnel.open_rate, funnel.click_rate
from engage.campaigns campaign
join engage.segments segment using (segment_id)
join engage.message_templates template using (template_id)
left join marts.campaign_funnel funnel using (campaign_id)
order by campaign.created_at desc, campaign.campaign_id desc;

-- name: one(key)
select campaign.campaign_id, campaign.key, campaign.name, campaign.kind, campaign.state, campaign.state_reason, segment.key as segment_key,
    segment.title as segment, template.name as template, version.subject, campaign.cron, campaign.time_zone, campaign.next_run_at,
    campaign.created_at, campaign.created_by
from engage.campaigns campaign
join engage.segments segment using (segment_id)
join engage.message_templates template using (template_id)
join lateral (
    select subject from engage.template_versions where template_id = campaign.template_id order by version desc limit 1
) version on true
where campaign.key = :key;

-- name: states(campaign_id)
select state, count(*) as messages
from engage.campaign_messages
where campaign_id = :campaign_id
group by 1;

-- name: skipped(campaign_id)
select reason, count(*) as messages
from engage.campaign_messages
where campaign_id = :campaign_id and state = 'skipped'
group by 1
order by 2 desc;

-- name: outcomes(campaign_id)
select count(delivered_at) as delivered, count(opened_at) as opened, count(clicked_at) as clicked, count(bounced_at) as bounced,
    count(unsubscribed_at) as unsubscribed
from marts.message_outcomes
where campaign_id = :campaign_id;

-- name: targeted(campaign_id)
select coalesce(sum(targeted), 0)::bigint as targeted from engage.campaign_runs where campaign_id = :campaign_id;

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

-- name: messages(campaign_id, state, limit, offset)
select message.contact_id, profile.full_name, message.address, message.state, coalesce(message.reason_detail, message.reason) as reason,
    message.sent_at, message.state_changed_at
from engage.campaign_messages message
left join profiles.contact_profiles profile using (contact_id)
where message.campaign_id = :campaign_id and (:state::text is null or message.state = :state)
order by message.message_id
limit :limit offset :offset;

-- name: message_count(campaign_id, state)
select count(*) as messages
from engage.campaign_messages
where campaign_id = :campaign_id and (:state::text is null or state = :state);
