-- name: fill_contacts(contacts)
insert into core.contacts (contact_id, email, email_status, email_consent, created_at)
select n, format('person%%s@mail%%s.test.dev', n, n %% 200), 'valid', case when n %% 20 = 0 then 'unknown' else 'subscribed' end,
    timestamptz '2026-01-01'
from generate_series(1, :contacts) as n;

-- name: fill_profiles()
insert into profiles.contact_profiles
    (contact_id, first_name, last_name, full_name, email, email_status, email_consent, city, country, plan, locale, time_zone,
     orders_count, lifetime_value, currency, last_order_at, last_product_name)
select contact_id, 'Ada' || mod(contact_id, 997), 'Rossi', 'Ada Rossi', email, email_status, email_consent, 'Rome', 'IT', 'pro', 'it-IT',
    (array['Europe/Rome', 'America/New_York', 'Asia/Kolkata', 'Europe/London', 'Australia/Sydney', 'America/Sao_Paulo'])[1 + mod(contact_id, 6)],
    mod(contact_id, 9), mod(contact_id, 1000), 'EUR', timestamptz '2026-05-01' + make_interval(mins => (mod(contact_id, 90000))::int), 'Linen shirt'
from core.contacts;

-- name: fill_members(segment_id, every)
insert into engage.segment_members (segment_id, contact_id, entered_at)
select :segment_id, contact_id, timestamptz '2026-06-01' from core.contacts where contact_id %% :every = 0;

-- name: fill_suppressions(every)
insert into engage.suppressions (contact_id, channel, address, reason, source, evidence, created_at)
select contact_id, 'email', email, (array['hard_bounce', 'complaint', 'unsubscribed_all', 'manual'])[1 + contact_id / :every %% 4], 'bench', '{}',
    timestamptz '2026-06-01'
from core.contacts
where contact_id %% :every = 1;

-- name: fill_consents(every, topic_id)
insert into engage.consent_records (contact_id, channel, topic_id, status, occurred_at, recorded_at, source, proof, recorded_by)
select contact_id, 'email', case when contact_id %% 2 = 0 then :topic_id::bigint end,
    case when contact_id %% 5 = 0 then 'unsubscribed' else 'subscribed' end, moment, moment, 'bench', '{}', 'bench'
from core.contacts
cross join lateral (select timestamptz '2026-06-01' + make_interval(mins => (contact_id %% 9000)::int) as moment) as told
where contact_id %% :every in (2, 3);

-- name: fill_history(campaign_run_id, campaign_id, template_version_id, every, moment)
-- what people were sent within the window of the cap
insert into engage.campaign_messages
    (campaign_run_id, campaign_id, contact_id, step, channel, address, state, template_version_id, is_capped, next_attempt_at, created_at,
     state_changed_at, sent_at)
select :campaign_run_id, :campaign_id, contact_id, step, 'email', email, 'delivered', :template_version_id, true, :moment, :moment, :moment,
    :moment
from core.contacts
cross join generate_series(1, 3) as step
where contact_id %% :every = 4 and (step < 3 or contact_id %% 2 = 0);

-- name: bare_copy()
create unlogged table bench_target (like engage.campaign_messages including defaults including identity including generated including indexes);

-- name: bare_insert(moment, segment_id)
insert into bench_target
    (campaign_run_id, campaign_id, contact_id, channel, address, state, template_version_id, tokens, next_attempt_at, created_at, state_changed_at)
select 1, 1, contact_id, 'email', profile.email, 'queued', 1, json_build_object('first_name', profile.first_name), :moment, :moment, :moment
from engage.segment_members
join profiles.contact_profiles profile using (contact_id)
where segment_id = :segment_id;
