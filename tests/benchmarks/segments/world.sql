-- name: prepare()
create schema if not exists core;
create schema if not exists profiles;
create schema bench;
-- a number from 0 up to 1 that depends on nothing but the row and the question
create function bench.chance(row_number bigint, question integer) returns double precision
language sql immutable parallel safe
return (hashint8extended(row_number, question) & 2147483647) / 2147483648.0;
create function bench.pick(texts text[], share double precision) returns text
language sql immutable parallel safe
return texts[1 + floor(share * cardinality(texts))::integer];
-- skew 1 spreads over all contacts alike; 3 gives a hundredth of them a fifth of the rows
create function bench.somebody(row_number bigint, question integer, skew double precision, contacts bigint) returns bigint
language sql immutable parallel safe
return 1 + (floor(contacts * power(bench.chance(row_number, question), skew))::bigint * 1000003) % contacts;

-- name: fill_contacts(contacts, at)
-- most is unevenly spread, some is missing, and a little is typed as people type
with drawn as (
    select
        n as contact_id,
        bench.pick(array['Anna', 'Marco', 'Giulia', 'Luca', 'Sophie', 'Pierre', 'Emma', 'Jonas', 'Maria', 'Paul', 'Chiara', 'Leo', 'Nina', 'Omar', 'Eva', 'Hugo', 'Sara', 'Tom', 'Lea', 'Max'], bench.chance(n, 1)) as first_name,
        bench.pick(array['Rossi', 'Bianchi', 'Dupont', 'Martin', 'Müller', 'Schmidt', 'García', 'López', 'Smith', 'Jones', 'Moreau', 'Ferrari', 'Weber', 'Costa', 'Novak', 'Silva', 'Jansen', 'Peeters', 'Nowak', 'Horvat'], bench.chance(n, 2)) as last_name,
        bench.pick(array['gmail.com', 'gmail.com', 'gmail.com', 'outlook.com', 'yahoo.com', 'icloud.com', 'libero.it', 'orange.fr', 'gmx.de', 'company.example'], bench.chance(n, 3)) as domain,
        1 + floor(20 * power(bench.chance(n, 4), 1.6))::integer as place,
        bench.chance(n, 5) as chance_of_email,
        bench.chance(n, 6) as chance_of_case,
        :at::timestamptz - interval '1 second' * floor(6 * 365 * 86400 * power(bench.chance(n, 7), 1.5)) as created_at
    from generate_series(1, :contacts::bigint) as n
),

placed as (
    select
        drawn.*,
        (array['Rome', 'Milan', 'Paris', 'Berlin', 'Madrid', 'Lyon', 'Turin', 'Hamburg', 'Vienna', 'Zurich', 'Naples', 'Barcelona', 'Lisbon', 'Brussels', 'Amsterdam', 'Prague', 'Warsaw', 'Zagreb', 'Nice', 'Bologna'])[place] as city,
        (array['IT', 'IT', 'FR', 'DE', 'ES', 'FR', 'IT', 'DE', 'AT', 'CH', 'IT', 'ES', 'PT', 'BE', 'NL', 'CZ', 'PL', 'HR', 'FR', 'IT'])[place] as country,
        (array['Europe/Rome', 'Europe/Rome', 'Europe/Paris', 'Europe/Berlin', 'Europe/Madrid', 'Europe/Paris', 'Europe/Rome', 'Europe/Berlin', 'Europe/Vienna', 'Europe/Zurich', 'Europe/Rome', 'Europe/Madrid', 'Europe/Lisbon', 'Europe/Brussels', 'Europe/Amsterdam', 'Europe/Prague', 'Europe/Warsaw', 'Europe/Zagreb', 'Europe/Paris', 'Europe/Rome'])[place] as time_zone,
        lower(first_name || '.' || last_name || contact_id || '@' || domain) as address
    from drawn
)

insert into core.contacts (
    contact_id, crm_customer_id, first_name, last_name, full_name, email, email_raw, email_status, email_domain, phone,
    company, job_title, city, country, time_zone, locale, date_of_birth, plan, lead_source, tags, email_consent,
    whatsapp_consent, sms_consent, created_at, updated_at
)
select
    contact_id,
    contact_id,
    first_name,
    last_name,
    first_name || ' ' || last_name,
    case when chance_of_email < 0.95 then address end,
    case when chance_of_email < 0.95 then address when chance_of_email < 0.96 then first_name || ' at ' || domain end,
    case when chance_of_email < 0.95 then 'valid' when chance_of_email < 0.96 then 'invalid' else 'missing' end,
    case when chance_of_email < 0.95 then domain end,
    case when bench.chance(contact_id, 8) < 0.8 then '+39 06 ' || (1000000 + contact_id) end,
    case when bench.chance(contact_id, 9) < 0.6 then last_name || bench.pick(array[' SpA', ' SRL', ' GmbH', ' & Fils', ' Ltd'], bench.chance(contact_id, 10)) end,
    case when bench.chance(contact_id, 11) < 0.7 then bench.pick(array['Owner', 'Marketing Manager', 'Sales Manager', 'Developer', 'Head of IT', 'Buyer', 'Office manager', 'Consultant', 'Teacher', 'Student'], bench.chance(contact_id, 12)) end,
    case when bench.chance(contact_id, 13) < 0.04 then null when chance_of_case < 0.003 then upper(city) else city end,
    case when bench.chance(contact_id, 13) >= 0.02 then country end,
    time_zone,
    lower(country) || '-' || country,
    case when bench.chance(contact_id, 14) < 0.85 then date '2008-01-01' - floor(60 * 365 * bench.chance(contact_id, 15))::integer end,
    case
        when chance_of_case > 0.998 then 'Pro '
        when bench.chance(contact_id, 16) < 0.01 then null
        when bench.chance(contact_id, 16) < 0.58 then 'free'
        when bench.chance(contact_id, 16) < 0.82 then 'basic'
        when bench.chance(contact_id, 16) < 0.96 then 'pro'
        else 'enterprise'
    end,
    bench.pick(array['website', 'website', 'referral', 'event', 'partner', 'ads', null], bench.chance(contact_id, 17)),
    array_remove(
        array[
            case when bench.chance(contact_id, 18) < 0.30 then 'newsletter' end,
            case when bench.chance(contact_id, 19) < 0.05 then 'vip' end,
            case when bench.chance(contact_id, 20) < 0.12 then 'webinar' end,
            case when bench.chance(contact_id, 21) < 0.04 then 'Beta' end,
            case when bench.chance(contact_id, 22) < 0.08 then 'churn_risk' end
        ], null
    ),
    case when bench.chance(contact_id, 23) < 0.62 then 'subscribed' when bench.chance(contact_id, 23) < 0.80 then 'unsubscribed' else 'unknown' end,
    case when bench.chance(contact_id, 24) < 0.25 then 'subscribed' else 'unknown' end,
    case when bench.chance(contact_id, 25) < 0.15 then 'subscribed' else 'unknown' end,
    created_at,
    created_at + (:at::timestamptz - created_at) * bench.chance(contact_id, 26)
from placed;

-- name: orders(first, last, of_all, contacts, at)
with roots as (
    select
        n,
        bench.somebody(n, 101, 3, :contacts) as contact_id,
        :at::timestamptz - interval '730 days' * (1 - power(n::double precision / :of_all, 0.8)) - interval '12 hours' * bench.chance(n, 102) as occurred_at,
        round((8 + 30 * -ln(1 - bench.chance(n, 103)))::numeric, 2) as total,
        bench.chance(n, 104) as chance_of_payment,
        bench.chance(n, 105) as chance_of_coupon
    from generate_series(:first::bigint, :last::bigint) as n
),

described as (
    select
        roots.*,
        (
            '{"order_id": ' || n || ', "status": "' || case when chance_of_payment < 0.92 then 'paid' else 'cancelled' end
            || '", "channel": "' || bench.pick(array['web', 'web', 'web', 'shop', 'phone', 'marketplace'], bench.chance(n, 106))
            || case when chance_of_coupon < 0.18 then '", "coupon_code": "' || bench.pick(array['SPRING10', 'WELCOME', 'VIP20', 'FREESHIP'], chance_of_coupon / 0.18) else '' end || '"}'
        )::jsonb as properties
    from roots
)

insert into core.events (event_id, contact_id, event_name, occurred_at, source, source_key, value, currency, properties, recorded_at)
select
    md5(moment.event_name || '|' || n)::uuid, contact_id, moment.event_name, moment.occurred_at, 'crm.orders', n::text,
    total, 'EUR', properties, moment.occurred_at + interval '5 minutes'
from described
cross join lateral (
    values
    ('order_created', occurred_at),
    ('order_paid', case when chance_of_payment < 0.92 then occurred_at + interval '40 hours' * bench.chance(n, 107) end)
) as moment (event_name, occurred_at)
where moment.occurred_at <= :at::timestamptz;

-- name: calls(first, last, of_all, contacts, at)
with roots as (
    select
        n,
        bench.somebody(n, 201, 2, :contacts) as contact_id,
        :at::timestamptz - interval '730 days' * (1 - power(n::double precision / :of_all, 0.9)) as occurred_at,
        floor(1800 * power(bench.chance(n, 202), 2))::integer as seconds
    from generate_series(:first::bigint, :last::bigint) as n
)

insert into core.events (event_id, contact_id, event_name, occurred_at, source, source_key, value, currency, properties, recorded_at)
select
    md5('call_logged|' || n)::uuid, contact_id, 'call_logged', occurred_at, 'crm.calls', n::text, seconds, null,
    (
        '{"direction": "' || bench.pick(array['inbound', 'outbound', 'outbound'], bench.chance(n, 203))
        || '", "outcome": "' || bench.pick(array['answered', 'voicemail', 'no_answer'], bench.chance(n, 204))
        || '", "agent": "' || bench.pick(array['Ada', 'Bo', 'Cem', 'Dia'], bench.chance(n, 205))
        || '", "duration_seconds": ' || seconds || '}'
    )::jsonb, occurred_at + interval '5 minutes'
from roots;

-- name: whatsapp(first, last, of_all, contacts, at)
with roots as (
    select
        n,
        bench.somebody(n, 301, 2, :contacts) as contact_id,
        :at::timestamptz - interval '730 days' * (1 - power(n::double precision / :of_all, 0.7)) as occurred_at,
        bench.pick(array['whatsapp_sent', 'whatsapp_sent', 'whatsapp_received'], bench.chance(n, 302)) as event_name
    from generate_series(:first::bigint, :last::bigint) as n
)

insert into core.events (event_id, contact_id, event_name, occurred_at, source, source_key, value, currency, properties, recorded_at)
select
    md5(event_name || '|' || n)::uuid, contact_id, event_name, occurred_at, 'crm.whatsapp_messages', n::text, null, null,
    ('{"status": "delivered", "text": "' || bench.pick(array['Thank you!', 'When does it come?', 'Is it in stock?', 'Order confirmed.'], bench.chance(n, 303)) || '"}')::jsonb,
    occurred_at + interval '5 minutes'
from roots;

-- name: deals(first, last, of_all, contacts, at)
with roots as (
    select
        n,
        bench.somebody(n, 401, 2, :contacts) as contact_id,
        :at::timestamptz - interval '730 days' * (1 - power(n::double precision / :of_all, 0.9)) as occurred_at,
        round((200 + 9000 * power(bench.chance(n, 402), 3))::numeric, 2) as amount,
        1 + floor(4 * bench.chance(n, 403))::integer as steps
    from generate_series(:first::bigint, :last::bigint) as n
)

insert into core.events (event_id, contact_id, event_name, occurred_at, source, source_key, value, currency, properties, recorded_at)
select
    md5('deal_stage_changed|' || n || '/' || step)::uuid, contact_id, 'deal_stage_changed',
    least(occurred_at + interval '1 day' * (step - 1) * 12 * bench.chance(n, 404), :at::timestamptz), 'crm.deals',
    n || '/' || step, amount, 'EUR',
    (
        '{"deal_id": ' || n || ', "title": "Deal ' || n || '", "to_stage": "' || (array['new', 'qualified', 'proposal', 'won'])[step]
        || case when step > 1 then '", "from_stage": "' || (array['new', 'qualified', 'proposal', 'won'])[step - 1] else '' end
        || '", "owner": "' || bench.pick(array['Ada', 'Bo', 'Cem', 'Dia'], bench.chance(n, 405)) || '"}'
    )::jsonb,
    occurred_at + interval '60 days'
from roots
cross join lateral generate_series(1, steps) as step;

-- name: mails(first, last, of_all, contacts, at)
-- a broadcast every three days; who opened once opens again
with roots as (
    select
        n,
        bench.somebody(n, 501, 1.3, :contacts) as contact_id,
        1 + (n * 243) / (:of_all::bigint + 1) as campaign_id,
        bench.chance(n, 502) as chance_of_delivery,
        bench.chance(n, 503) as chance_of_opening,
        bench.chance(n, 504) as chance_of_click
    from generate_series(:first::bigint, :last::bigint) as n
),

sent as (
    select
        roots.*,
        :at::timestamptz - interval '3 days' * (244 - campaign_id) + interval '2 hours' * bench.chance(n, 505) as sent_at,
        chance_of_opening < 0.85 * power(bench.chance(contact_id, 506), 2) as is_opened,
        ('{"message_id": ' || n || ', "campaign_id": ' || campaign_id || ', "provider": "resend"}')::jsonb as properties
    from roots
)

insert into core.events (event_id, contact_id, event_name, occurred_at, source, source_key, value, currency, properties, recorded_at)
select
    md5(moment.event_name || '|' || n)::uuid, contact_id, moment.event_name, moment.occurred_at, 'engage.messages', n::text,
    null, null, properties, moment.occurred_at
from sent
cross join lateral (
    values
    ('email_sent', sent_at),
    (case when chance_of_delivery < 0.985 then 'email_delivered' else 'email_bounced' end, sent_at + interval '3 seconds'),
    ('email_opened', case when is_opened and chance_of_delivery < 0.985 then sent_at + interval '60 hours' * power(chance_of_click, 3) end),
    ('email_clicked', case when is_opened and chance_of_delivery < 0.985 and chance_of_click < 0.2 then sent_at + interval '70 hours' * power(chance_of_click, 3) end),
    ('email_unsubscribed', case when chance_of_delivery between 0.5 and 0.502 then sent_at + interval '1 hour' end)
) as moment (event_name, occurred_at)
where moment.occurred_at <= :at::timestamptz;

-- name: visits(first, last, of_all, contacts, at)
-- what a website publishes; now and then a number comes as text
with roots as (
    select
        n,
        bench.somebody(n, 601, 2.5, :contacts) as contact_id,
        :at::timestamptz - interval '730 days' * (1 - power(n::double precision / :of_all, 0.6)) as occurred_at,
        bench.pick(array['page_viewed', 'page_viewed', 'page_viewed', 'cart_updated'], bench.chance(n, 602)) as event_name,
        floor(1 + 300 * power(bench.chance(n, 603), 3))::integer as amount
    from generate_series(:first::bigint, :last::bigint) as n
)

insert into core.events (event_id, contact_id, event_name, occurred_at, source, source_key, value, currency, properties, recorded_at)
select
    md5(event_name || '|' || contact_id || '/' || n)::uuid, contact_id, event_name, occurred_at, 'landing.events',
    contact_id || '/' || n, null, null,
    (
        '{"category": "' || bench.pick(array['home', 'shoes', 'shirts', 'pricing', 'support'], bench.chance(n, 604))
        || '", "device": "' || bench.pick(array['mobile', 'mobile', 'desktop', 'tablet'], bench.chance(n, 605))
        || '", "returning": ' || case when bench.chance(n, 606) < 0.6 then 'true' else 'false' end
        || ', "amount": ' || case when bench.chance(n, 607) < 0.02 then '"' || amount || ' EUR"' else amount::text end || '}'
    )::jsonb,
    occurred_at + interval '1 minute'
from roots;

-- name: fill_profiles()
insert into profiles.contact_profiles
with activity as (
    select
        contact_id,
        count(*) filter (where event_name = 'order_paid') as orders_count,
        sum(value) filter (where event_name = 'order_paid') as lifetime_value,
        min(occurred_at) filter (where event_name = 'order_paid') as first_order_at,
        max(occurred_at) filter (where event_name = 'order_paid') as last_order_at,
        count(*) filter (where event_name = 'deal_stage_changed' and properties ->> 'to_stage' = 'new') as open_deals_count,
        sum(value) filter (where event_name = 'deal_stage_changed' and properties ->> 'to_stage' = 'new') as open_deals_amount,
        count(*) as events_count,
        count(*) filter (where event_name = 'call_logged') as calls_count,
        max(occurred_at) filter (where event_name = 'call_logged') as last_call_at,
        count(*) filter (where event_name = 'whatsapp_received') as whatsapp_received_count,
        max(occurred_at) filter (where event_name = 'whatsapp_received') as last_whatsapp_received_at,
        count(*) filter (where event_name = 'email_sent') as emails_sent_count,
        count(*) filter (where event_name = 'email_opened') as emails_opened_count,
        count(*) filter (where event_name = 'email_clicked') as emails_clicked_count,
        max(occurred_at) filter (where event_name = 'email_sent') as last_email_sent_at,
        max(occurred_at) filter (where event_name = 'email_opened') as last_email_opened_at,
        max(occurred_at) filter (where event_name = 'email_clicked') as last_email_clicked_at,
        max(occurred_at) filter (where event_name in ('order_created', 'order_paid', 'whatsapp_received', 'email_opened', 'email_clicked')) as last_seen_at
    from core.events
    group by contact_id
)

select
    contacts.*,
    coalesce(orders_count, 0), coalesce(lifetime_value, 0), case when orders_count > 0 then 'EUR' end,
    round(lifetime_value / nullif(orders_count, 0), 2), first_order_at, last_order_at,
    case when orders_count > 0 then bench.pick(array['Trail shoe', 'Linen shirt', 'Rain coat', 'Wool hat'], bench.chance(contacts.contact_id, 27)) end,
    coalesce(open_deals_count, 0), coalesce(open_deals_amount, 0), coalesce(events_count, 0), coalesce(calls_count, 0),
    last_call_at, coalesce(whatsapp_received_count, 0), last_whatsapp_received_at, coalesce(emails_sent_count, 0),
    coalesce(emails_opened_count, 0), coalesce(emails_clicked_count, 0), last_email_sent_at, last_email_opened_at,
    last_email_clicked_at, last_seen_at
from core.contacts as contacts
left join activity using (contact_id);
