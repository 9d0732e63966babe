-- name: listed()
select known.provider, known.channel, known.priority, known.is_active, known.requests_per_second, known.daily_limit,
    known.unknown_policy, coalesce(health.state, 'closed') as breaker, health.reason, health.open_until, health.last_good_at,
    health.last_bad_at
from engage.channel_providers known
left join engage.provider_health health using (provider)
order by known.channel, known.priority desc, known.provider;

-- name: change(provider, channel, priority, is_active, requests_per_second, daily_limit, unknown_policy, actor, now)
-- what is left empty stays as it is; a provider that nothing was sent through yet is made known by it
insert into engage.channel_providers as known
    (provider, channel, priority, is_active, requests_per_second, daily_limit, unknown_policy, updated_at, updated_by)
values (
    :provider, :channel, coalesce(:priority, 50), coalesce(:is_active, true), :requests_per_second, :daily_limit,
    coalesce(:unknown_policy, 'treat_as_sent'), :now, :actor
)
on conflict (provider) do update
set priority = coalesce(:priority, known.priority), is_active = coalesce(:is_active, known.is_active),
    requests_per_second = coalesce(:requests_per_second, known.requests_per_second),
    daily_limit = coalesce(:daily_limit, known.daily_limit),
    unknown_policy = coalesce(:unknown_policy, known.unknown_policy), updated_at = :now, updated_by = :actor;

-- name: close_breaker(provider, now)
update engage.provider_health
set state = 'closed', since = :now, open_until = null, reason = null, good = 0, bad = 0, window_began_at = :now
where provider = :provider and state <> 'closed';
