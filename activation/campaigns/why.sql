-- name: messages(campaign_id, contact_id)
-- what became of a person in every run of a campaign, newest first
select run.campaign_run_id, run.scheduled_for, run.state as run_state, message.message_id, message.state, message.reason,
    message.reason_detail, message.consent, message.provider, message.sent_at, message.next_attempt_at, message.state_changed_at,
    batch.problem
from engage.campaign_runs run
join engage.campaign_messages message using (campaign_run_id)
left join engage.send_batches batch using (batch_id)
where run.campaign_id = :campaign_id and message.contact_id = :contact_id
order by run.scheduled_for desc, message.step desc;

-- name: evidence(contact_id, address, now)
-- what is known that keeps mail from a person
select format(
        '%%s since %%s, from %%s%%s', replace(reason, '_', ' '), to_char(created_at, 'YYYY-MM-DD HH24:MI "UTC"'), source,
        case when lifted_at is not null then ', lifted since' when expires_at < :now then ', over since' else '' end
    )
from engage.suppressions
where contact_id = :contact_id or address = lower(:address)
order by created_at desc
limit 10;

-- name: happened(message_id)
select type, occurred_at, provider from engage.message_events where message_id = :message_id order by occurred_at limit 20;

-- name: membership(campaign_id, contact_id)
select segment.key, segment.title, member.entered_at,
    (
        select max(exited_at) from engage.segment_membership_history history
        where history.segment_id = segment.segment_id and history.contact_id = :contact_id
    ) as left_at,
    (select max(snapshot_at) from engage.campaign_runs run where run.campaign_id = campaign.campaign_id) as snapshot_at
from engage.campaigns campaign
join engage.segments segment using (segment_id)
left join engage.segment_members member on member.segment_id = segment.segment_id and member.contact_id = :contact_id
where campaign.campaign_id = :campaign_id;

-- name: address(contact_id)
select email from profiles.contact_profiles where contact_id = :contact_id;
