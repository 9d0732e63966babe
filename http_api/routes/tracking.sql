-- name: sent_link(message_id)
-- what a link was made of when the message was
select version.links, coalesce(message.tokens, '{}'::json) as tokens, campaign.name as campaign_name, run.sender
from engage.campaign_messages message
join engage.template_versions version using (template_version_id)
join engage.campaigns campaign on campaign.campaign_id = message.campaign_id
join engage.campaign_runs run on run.campaign_run_id = message.campaign_run_id
where message.message_id = :message_id;
