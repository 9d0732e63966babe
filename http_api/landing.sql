-- name: land(providers, event_ids, types, message_ids, provider_message_ids, occurred_at, details, payloads, now)
-- everything that arrived together in one statement; who hears of it wakes at the commit
with landed as (
    insert into landing.provider_events
        (provider, provider_event_id, type, message_id, provider_message_id, occurred_at, received_at, detail, payload)
    select provider, event_id, type, message_id, provider_message_id, occurred_at, :now, detail::jsonb, payload::jsonb
    from unnest(
        :providers::text[], :event_ids::text[], :types::text[], :message_ids::bigint[], :provider_message_ids::text[],
        :occurred_at::timestamptz[], :details::text[], :payloads::text[]
    ) as arrived (provider, event_id, type, message_id, provider_message_id, occurred_at, detail, payload)
    on conflict (provider, provider_event_id) do nothing
    returning 1
)
select pg_notify('engage_outcomes', '') where exists (select from landed);
