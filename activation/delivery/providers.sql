-- name: register(providers, channels, now)
-- a provider that has a key for the first time gets its place: the earlier in the list, the higher
insert into engage.channel_providers (provider, channel, priority, updated_at, updated_by)
select provider, channel, 100 - 10 * position, :now, 'engage'
from unnest(:providers::text[], :channels::text[]) with ordinality as known (provider, channel, position)
on conflict (provider) do nothing;

-- name: open_bucket(quota, rate, burst, daily_limit, now)
-- a new pace counts from now on; the provider's own slowing down is forgotten when it is ten minutes old
insert into engage.send_quotas as quotas (quota, rate, burst, tokens, refilled_at, daily_limit)
values (:quota, :rate, :burst, :burst, :now, :daily_limit)
on conflict (quota) do update
set rate = case
        -- least() passes over nothing: one that has no limit now has none, whatever it had
        when excluded.rate is not null and quotas.held_until > :now::timestamptz - interval '10 minutes'
            then least(quotas.rate, excluded.rate)
        else excluded.rate
    end,
    burst = excluded.burst, daily_limit = excluded.daily_limit;

-- name: pace(providers)
select provider, requests_per_second, daily_limit from engage.channel_providers where provider = any(:providers);

-- name: health(channel, providers, campaign_run_id, now)
-- the providers of a channel that are switched on, the highest first, whether each may be used, and has a batch of the run to go on with
select known.provider, coalesce(health.state, 'closed') as state, health.open_until, health.reason, quota.held_until,
    coalesce(health.state, 'closed') <> 'closed' and exists (
        select from engage.send_batches batch
        where batch.campaign_run_id = :campaign_run_id and batch.state = 'frozen' and batch.provider = known.provider
          and batch.next_attempt_at <= :now and (batch.lease_until is null or batch.lease_until < :now)
    ) as has_begun
from engage.channel_providers known
left join engage.provider_health health using (provider)
left join engage.send_quotas quota on quota.quota = 'provider/' || known.provider
where known.channel = :channel and known.is_active and known.provider = any(:providers)
order by known.priority desc, known.provider;

-- name: probe(provider, until, now)
-- one worker wins the right to try a provider again, with one batch, until it says how that went
update engage.provider_health
set state = 'half_open', since = :now, open_until = :until
where provider = :provider and state in ('open', 'half_open') and open_until <= :now
returning provider;

-- name: unused(provider, now)
-- there was nothing to try it with: whoever has something may
update engage.provider_health set state = 'open', open_until = :now where provider = :provider and state = 'half_open';

-- name: note(provider, good, bad, problem, window_seconds, now)
-- counts answers in a window; with a good one a breaker that was being tried closes
insert into engage.provider_health as health
    (provider, state, since, window_began_at, good, bad, last_good_at, last_bad_at, last_problem)
values (
    :provider, 'closed', :now, :now, :good, :bad, case when :good > 0 then :now::timestamptz end,
    case when :bad > 0 then :now::timestamptz end, :problem
)
on conflict (provider) do update
set good = excluded.good + case when health.window_began_at < excluded.window_began_at - make_interval(secs => :window_seconds) then 0 else health.good end,
    bad = excluded.bad + case when health.window_began_at < excluded.window_began_at - make_interval(secs => :window_seconds) then 0 else health.bad end,
    window_began_at = case
        when health.window_began_at < excluded.window_began_at - make_interval(secs => :window_seconds) then excluded.window_began_at
        else health.window_began_at
    end,
    state = case when excluded.good > 0 and health.state = 'half_open' then 'closed' else health.state end,
    since = case when excluded.good > 0 and health.state = 'half_open' then excluded.since else health.since end,
    reason = case when excluded.good > 0 and health.state = 'half_open' then null else health.reason end,
    open_until = case when excluded.good > 0 and health.state = 'half_open' then null else health.open_until end,
    last_good_at = coalesce(excluded.last_good_at, health.last_good_at),
    last_bad_at = coalesce(excluded.last_bad_at, health.last_bad_at),
    last_problem = coalesce(excluded.last_problem, health.last_problem)
returning state, good, bad;

-- name: trip(provider, open_until, reason, now)
insert into engage.provider_health as health (provider, state, since, open_until, reason, window_began_at, last_bad_at, last_problem)
values (:provider, 'open', :now, :open_until, :reason, :now, :now, :reason)
on conflict (provider) do update
set state = 'open', since = case when health.state = 'open' then health.since else excluded.since end,
    open_until = excluded.open_until, reason = excluded.reason, good = 0, bad = 0, window_began_at = excluded.window_began_at,
    last_bad_at = excluded.last_bad_at, last_problem = excluded.last_problem;

-- name: draw(quota, wanted, now)
-- up to so many turns; when none is left, the time of the next
with bucket as (
    select quota, rate, held_until,
        -- a worker whose clock is a little behind the others' does not turn it back
        case
            when :now::timestamptz between refilled_at - interval '1 minute' and refilled_at then refilled_at else :now::timestamptz
        end as refilled_at,
        case
            when rate is null then :wanted
            else least(burst, tokens + greatest(extract(epoch from :now::timestamptz - refilled_at), 0) * rate)
        end as tokens
    from engage.send_quotas
    where quota = :quota
    for update
),
granted as (
    select *, case when held_until > :now then 0 else least(:wanted, floor(tokens)::int) end as turns from bucket
),
taken as (
    update engage.send_quotas
    set tokens = case when granted.rate is null then send_quotas.tokens else granted.tokens - granted.turns end,
        refilled_at = granted.refilled_at
    from granted
    where send_quotas.quota = granted.quota
)
select turns, greatest(held_until, :now::timestamptz + make_interval(secs => case when rate is null then 0 else greatest(0, 1 - tokens) / rate end))
from granted;

-- name: slow_down(quota, until)
-- the provider asked for a break: nobody asks before it is over, and everybody a little slower than before
update engage.send_quotas
set held_until = greatest(held_until, :until), rate = case when rate is not null then greatest(rate * 0.8, 0.2) end, tokens = 0
where quota = :quota;
