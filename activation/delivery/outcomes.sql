-- name: sandbox_messages(since)
select message_id, provider_message_id, sent_at
from engage.campaign_messages
where provider = 'sandbox' and sent_at >= :since and provider_message_id is not null;

-- name: land(provider, provider_event_id, type, message_id, provider_message_id, occurred_at, payload, now)
insert into landing.provider_events
    (provider, provider_event_id, type, message_id, provider_message_id, occurred_at, received_at, payload)
values (:provider, :provider_event_id, :type, :message_id, :provider_message_id, :occurred_at, :now, :payload)
on conflict (provider, provider_event_id) do nothing;

-- name: land_unsubscribe(message_id, payload, now)
insert into landing.provider_events (provider, provider_event_id, type, message_id, occurred_at, received_at, payload)
select 'engage', format('unsubscribed/%%s', message_id), 'unsubscribed', message_id, :now, :now, :payload
from engage.campaign_messages
where message_id = :message_id
on conflict (provider, provider_event_id) do update set received_at = excluded.received_at;

-- name: process(now)
with landed as (
    select landed_id, provider, provider_event_id, type, message_id, provider_message_id, occurred_at, payload
    from landing.provider_events
    where processed_at is null
    order by landed_id
    limit 50000
    for update skip locked
),
joined as (
    select landed.*, message.message_id as our_message_id, message.campaign_id, message.contact_id, message.channel, message.address
    from landed
    join engage.campaign_messages message
        on message.message_id = landed.message_id
        or (landed.message_id is null and message.provider_message_id = landed.provider_message_id)
    where landed.type in
        ('sent', 'delivered', 'deferred', 'bounced', 'rejected', 'complained', 'opened', 'clicked', 'unsubscribed')
),
recorded as (
    insert into engage.message_events
        (message_id, campaign_id, contact_id, type, occurred_at, recorded_at, provider, provider_event_id, detail)
    select our_message_id, campaign_id, contact_id, type, occurred_at, :now, provider, provider_event_id, payload
    from joined
    on conflict (provider, provider_event_id) do nothing
    returning message_id, contact_id
),
told as (
    insert into engage.live_changes (contact_id, landed_at)
    select distinct contact_id, :now::timestamptz from recorded
    where exists (select from engage.segments where is_active and refresh = 'live')
    returning 1
),
-- a state only moves forward: sent -> delivered, sent or delivered -> bounced
moved as (
    update engage.campaign_messages message
    set state = case when fate.bounced then 'bounced' else 'delivered' end, state_changed_at = :now
    from (
        select our_message_id, bool_or(type = 'bounced') as bounced
        from joined
        where type in ('delivered', 'bounced')
        group by our_message_id
    ) fate
    where message.message_id = fate.our_message_id
      and (message.state = 'sent' or (message.state = 'delivered' and fate.bounced))
),
suppressed as (
    insert into engage.suppressions (contact_id, channel, address, reason, source, evidence, created_at)
    select distinct on (contact_id, channel, type) contact_id, channel, address,
        case type when 'bounced' then 'hard_bounce' when 'complained' then 'complaint' else 'unsubscribed_all' end,
        provider, jsonb_build_object('message_id', our_message_id, 'event', provider_event_id), occurred_at
    from joined
    where type in ('complained', 'unsubscribed') or (type = 'bounced' and payload ->> 'bounce' = 'hard')
    order by contact_id, channel, type, occurred_at
    on conflict (contact_id, channel, reason) do nothing
),
-- an event may come before our own note of the provider's id: it waits here for an hour, then it is nobody's
settled as (
    update landing.provider_events event
    set processed_at = :now
    from landed
    where event.landed_id = landed.landed_id
      and (exists (select from joined where joined.landed_id = landed.landed_id) or event.received_at < :now::timestamptz - interval '1 hour')
)
select
    (select count(*) from recorded),
    case when exists (select from told) then pg_notify('engage_live', '') end;
