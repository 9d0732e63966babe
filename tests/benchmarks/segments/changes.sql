-- name: see_landed_rows()
-- live evaluation reads through these; over the built tables they show it the same rows as a build would make
create schema if not exists live;
create or replace view live.live_events as select * from core.events;
create or replace view live.live_contact_profiles as select * from profiles.contact_profiles;

-- name: change_people(contacts, at)
-- half of them changed their plan and spending, all of them ordered, and every third opened a mail
with changed as (
    update profiles.contact_profiles
    set plan = case plan when 'pro' then 'enterprise' else 'pro' end, lifetime_value = lifetime_value + 250,
        orders_count = orders_count + 1, updated_at = :at
    where contact_id = any(:contacts) and contact_id %% 2 = 0
)
insert into core.events (event_id, contact_id, event_name, occurred_at, source, source_key, value, currency, properties, recorded_at)
select
    gen_random_uuid(), contact_id, event_name, :at::timestamptz - interval '1 minute', 'landing.events', contact_id || '/' || :at, 99, 'EUR',
    '{"channel": "web", "coupon_code": "VIP20"}', :at
from unnest(:contacts::bigint[]) as changed (contact_id)
cross join unnest(array['order_created', 'order_paid', 'email_opened']) as happened (event_name)
where event_name <> 'email_opened' or contact_id %% 3 = 0;

-- name: vacuum_events()
vacuum core.events;

-- name: vacuum_profiles()
vacuum profiles.contact_profiles;

-- name: forget_membership()
truncate engage.segment_members, engage.segment_past_stays, engage.segment_sizes;

-- name: make_live()
update engage.segments set refresh = 'live';

-- name: note_changes(contacts, at)
insert into engage.live_changes (contact_id, landed_at) select unnest(:contacts::bigint[]), :at;
