-- name: take_turn(provider)
-- for the session: one process asks a provider at a time
select pg_try_advisory_lock(hashtext('engage repair'), hashtext(:provider));

-- name: end_turn(provider)
select pg_advisory_unlock(hashtext('engage repair'), hashtext(:provider));

-- name: unheard(provider, sent_after, sent_before, round, most)
-- messages of which nothing but a delay was ever told. The round changes who comes first, so that those of which the provider
-- has no news either keep nobody else from being asked
select message_id, provider_message_id
from engage.campaign_messages message
where state = 'sent' and provider = :provider and provider_message_id is not null
  and sent_at > :sent_after and sent_at < :sent_before
  and not exists (
      select from engage.message_events event
      where event.message_id = message.message_id and event.type not in ('queued', 'sent', 'deferred')
  )
  -- landed and not counted yet
  and not exists (
      select from landing.provider_events landed
      where landed.processed_at is null and landed.message_id = message.message_id
        and landed.type not in ('queued', 'sent', 'deferred')
  )
order by hashint8extended(message_id, :round), message_id
limit :most;
