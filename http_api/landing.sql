-- name: land(rows, now)
-- everything that arrived together in one statement; who hears of it wakes at the commit
with landed as (
    insert into landing.provider_events
        (provider, provider_event_id, type, message_id, provider_message_id, occurred_at, received_at, detail, payload)
    select provider, event_id, type, message_id, provider_message_id, occurred_at, :now, detail, payload
    from jsonb_to_recordset(:rows::jsonb) as arrived (
        provider text, event_id text, type text, message_id bigint, provider_message_id text, occurred_at timestamptz,
        detail jsonb, payload jsonb
    )
    on conflict (provider, provider_event_id) do nothing
    returning 1
)
select pg_notify('engage_outcomes', '') where exists (select from landed);
