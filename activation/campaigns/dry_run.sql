-- name: counts(begins)
select state, coalesce(reason, ''), count(*), count(*) filter (where next_attempt_at > :begins)
from rehearsal
group by 1, 2;

-- name: sample(most)
-- always the same people of the same audience
select contact_id, address, template_version_id, tokens
from rehearsal
where state = 'queued'
order by md5(contact_id::text)
limit :most;

-- name: pace(campaign_id)
-- messages a second that the campaign's throttle and the best provider allow
select campaign.messages_per_minute, best.provider, best.requests_per_second
from engage.campaigns campaign
left join lateral (
    select known.provider, known.requests_per_second
    from engage.channel_providers known
    left join engage.provider_health health using (provider)
    where known.channel = campaign.channel and known.is_active and coalesce(health.state, 'closed') = 'closed'
    order by known.priority desc, known.provider
    limit 1
) best on true
where campaign.campaign_id = :campaign_id;
