-- name: worker()
-- the newest sign of life of `engage worker`; no row: it never ran here
select max(beat_at) as beat_at from engage.service_heartbeats where service = 'worker' having max(beat_at) is not null;

-- name: dead(state, campaign, after, limit)
-- newest first: the ids fall
select message.message_id, message.contact_id, profile.full_name, message.address, message.state, message.provider,
    coalesce(message.reason_detail, batch.problem, message.reason) as said, coalesce(batch.attempts, 0) as attempts,
    message.state_changed_at, campaign.key as campaign_key, campaign.name as campaign
from engage.campaign_messages message
join engage.campaigns campaign using (campaign_id)
left join engage.send_batches batch using (batch_id)
left join profiles.contact_profiles profile using (contact_id)
where message.is_parked
  and (:state::text is null or message.state = :state)
  and (:campaign::text is null or campaign.key = :campaign)
  and (:after::bigint is null or message.message_id < :after)
order by message.message_id desc
limit :limit;

-- name: dead_counts()
select message.state, campaign.key as campaign_key, campaign.name as campaign, count(*) as messages
from engage.campaign_messages message
join engage.campaigns campaign using (campaign_id)
where message.is_parked
group by 1, 2, 3
order by 4 desc;

-- name: providers()
-- tokens of a quota refill by computation, so what is stored is enough to say how fast it may go
select provider.provider, provider.channel, provider.priority, provider.is_active, provider.unknown_policy,
    coalesce(health.state, 'closed') as breaker, health.reason, health.open_until, health.since, health.good, health.bad, health.last_good_at,
    health.last_bad_at, health.last_problem, coalesce(quota.rate, provider.requests_per_second) as requests_per_second,
    coalesce(quota.daily_limit, provider.daily_limit) as daily_limit,
    case when quota.day = (now() at time zone 'UTC')::date then quota.used_today else 0 end as used_today, quota.held_until
from engage.channel_providers provider
left join engage.provider_health health using (provider)
left join engage.send_quotas quota on quota.quota = 'provider/' || provider.provider
order by provider.is_active desc, provider.channel, provider.priority desc, provider.provider;

-- name: choices(since)
select 'provider' as field, provider as value from marts.deliverability_daily where day >= :since group by 2
union all
(select 'domain', recipient_domain from marts.deliverability_daily where day >= :since group by 2 order by sum(sent) desc);

-- name: deliverability_by_day(since, provider, domain)
select day, sum(sent)::bigint as sent, sum(delivered)::bigint as delivered, sum(bounced_hard)::bigint as bounced_hard,
    sum(bounced_soft)::bigint as bounced_soft, sum(bounced_other)::bigint as bounced_other, sum(complained)::bigint as complained,
    sum(deferred)::bigint as deferred, sum(unsubscribed)::bigint as unsubscribed,
    min(complaint_rate_aim) as complaint_rate_aim, min(complaint_rate_limit) as complaint_rate_limit
from marts.deliverability_daily
where day >= :since and (:provider::text is null or provider = :provider) and (:domain::text is null or recipient_domain = :domain)
group by day
order by day;

-- name: deliverability_by_domain(since, provider, domain)
select recipient_domain as domain, sum(sent)::bigint as sent, sum(delivered)::bigint as delivered, sum(bounced_hard)::bigint as bounced_hard,
    sum(bounced_soft)::bigint as bounced_soft, sum(bounced_other)::bigint as bounced_other, sum(complained)::bigint as complained,
    sum(deferred)::bigint as deferred, sum(unsubscribed)::bigint as unsubscribed
from marts.deliverability_daily
where day >= :since and (:provider::text is null or provider = :provider) and (:domain::text is null or recipient_domain = :domain)
group by recipient_domain
order by sent desc;

-- name: deliverability_by_provider(since, provider, domain)
select provider, sum(sent)::bigint as sent, sum(delivered)::bigint as delivered, sum(bounced_hard)::bigint as bounced_hard,
    sum(bounced_soft)::bigint as bounced_soft, sum(bounced_other)::bigint as bounced_other, sum(complained)::bigint as complained,
    sum(deferred)::bigint as deferred, sum(unsubscribed)::bigint as unsubscribed
from marts.deliverability_daily
where day >= :since and (:provider::text is null or provider = :provider) and (:domain::text is null or recipient_domain = :domain)
group by provider
order by sent desc;
