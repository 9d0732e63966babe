-- name: not_dbt()
select
    key, kind, definition, refresh, refreshed_at, version, evaluated_version, problem,
    greatest(refreshed_at, problem_at) as tried_at
from engage.segments
where is_active and kind <> 'dbt'
order by key;

-- name: inputs_changed(since, refreshed_at, attributes, events, segments, campaigns)
-- events of a published name may be of any source: by (source, recorded_at) each is one look into an index
select
    -- whoever is new or gone may be in any of them: of some conditions nothing else tells
    exists (
        select from engage.sync_runs run
        where run.table_name = 'customers' and run.finished_at > :since and run.rows_inserted + run.rows_deleted > 0
    )
    or (
        -- profiles are made of every mirrored table and of events
        :attributes
        and (
            exists (
                select from engage.sync_runs run
                where run.finished_at > :since and run.rows_inserted + run.rows_updated + run.rows_deleted > 0
            )
            or exists (select from landing.events event where event.received_at > :since)
            or exists (select from engage.message_events event where event.recorded_at > :since)
            or exists (select from engage.campaign_messages message where message.sent_at > :since)
        )
    )
    or exists (
        select from core.events event
        where event.source in (
                'crm.orders', 'crm.calls', 'crm.whatsapp_messages', 'crm.deals', 'engage.messages', 'engage.segments',
                'landing.events'
            )
          and event.recorded_at > :since and event.event_name = any(:events::text[])
    )
    or exists (
        select from engage.segments segment
        where segment.key = any(:segments::text[])
          and (
              segment.refreshed_at > :refreshed_at
              or exists (
                  select from engage.segment_list_entries entry
                  where entry.segment_id = segment.segment_id and entry.added_at > :refreshed_at
              )
          )
    )
    or (
        :campaigns and (
            exists (select from engage.message_events event where event.recorded_at > :since)
            or exists (select from engage.campaign_messages message where message.sent_at > :since)
        )
    );
