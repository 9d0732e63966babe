-- name: vip()
select contact_id from profiles.contact_profiles where lifetime_value >= 300 and orders_count >= 5;

-- name: pro_in_rome_or_paris(at, vip)
select contact_id
from profiles.contact_profiles as contact
where lower(btrim(plan)) = 'pro' and lower(btrim(city)) in ('rome', 'paris')
  and exists (select from core.events as opened where opened.event_name = 'email_opened' and opened.occurred_at between :at - interval '720 hours' and :at and opened.contact_id = contact.contact_id)
  and not exists (select from core.events as ordered where ordered.event_name = 'order_created' and ordered.occurred_at between :at - interval '1440 hours' and :at and ordered.contact_id = contact.contact_id)
  and not exists (select from engage.segment_members as member where member.segment_id = :vip and member.contact_id = contact.contact_id);

-- name: managers_on_free_mail()
select contact_id
from profiles.contact_profiles
where email_domain in ('gmail.com', 'outlook.com') and job_title ilike '%%manager%%' and lower(last_name) like 's%%'
  and company ilike '%%ltd' and btrim(phone) <> '' and lower(btrim(lead_source)) <> 'ads' and btrim(lead_source) <> '';

-- name: birthday_this_week(at)
select contact_id
from profiles.contact_profiles
where email_consent = 'subscribed' and lower(btrim(country)) <> 'de' and btrim(country) <> ''
  and date_of_birth < (:at at time zone 'Europe/Rome')::date
  and date_part('month', date_of_birth) * 100 + date_part('day', date_of_birth) in (
      select date_part('month', day) * 100 + date_part('day', day)
      from generate_series((:at at time zone 'Europe/Rome')::date, (:at at time zone 'Europe/Rome')::date + 7, interval '1 day') as day
  );

-- name: tagged_newcomers(at)
select contact_id
from profiles.contact_profiles
where created_at between :at - interval '17520 hours' and :at
  and updated_at >= timestamp '2026-01-02' at time zone 'Europe/Rome'
  and date_of_birth between '1970-01-01' and '1999-12-31'
  and average_order_value between 20 and 80
  and lower(tags::text)::text[] && array['vip', 'beta', 'webinar'] and not lower(tags::text)::text[] && array['churn_risk'];

-- name: deal_in_proposal(at)
select contact_id
from profiles.contact_profiles as contact
where btrim(company) <> ''
  and exists (
      select
      from (
          select distinct on (properties ->> 'deal_id') contact_id, properties ->> 'to_stage' as stage
          from core.events
          where event_name = 'deal_stage_changed' and occurred_at <= :at
          order by properties ->> 'deal_id', occurred_at desc, event_id desc
      ) as deal
      where deal.contact_id = contact.contact_id and lower(btrim(deal.stage)) = 'proposal'
  );

-- name: frequent_buyers(at)
select contact_id
from profiles.contact_profiles
where contact_id in (
    select contact_id
    from core.events
    where event_name = 'order_paid' and occurred_at between :at - interval '8760 hours' and :at
    group by contact_id
    having count(*) >= 3
);

-- name: sleepers(at)
select contact_id
from profiles.contact_profiles as contact
where exists (select from core.events as ordered where ordered.event_name = 'order_created' and ordered.occurred_at < :at - interval '4320 hours' and ordered.contact_id = contact.contact_id)
  and not exists (select from core.events as ordered where ordered.event_name = 'order_created' and ordered.occurred_at between :at - interval '4320 hours' and :at and ordered.contact_id = contact.contact_id)
  and not exists (select from core.events as opened where opened.event_name = 'email_opened' and opened.occurred_at between :at - interval '2160 hours' and :at and opened.contact_id = contact.contact_id);

-- name: rarely_mailed(at)
select contact_id
from profiles.contact_profiles as contact
where email_consent = 'subscribed'
  and not exists (
      select
      from (
          select contact_id
          from core.events
          where event_name = 'email_sent' and occurred_at between :at - interval '2160 hours' and :at
          group by contact_id
          having count(*) > 2
      ) as mailed
      where mailed.contact_id = contact.contact_id
  );

-- name: bought_once(at)
select contact_id
from profiles.contact_profiles
where contact_id in (
    select contact_id from core.events where event_name = 'order_paid' and occurred_at <= :at group by contact_id having count(*) = 1
);

-- name: coupon_orders_on_the_web(at)
select contact_id
from profiles.contact_profiles
where contact_id in (
    select contact_id
    from core.events
    where event_name = 'order_created' and occurred_at between :at - interval '2160 hours' and :at and value >= 50
      and lower(btrim(properties ->> 'channel')) = 'web' and btrim(properties ->> 'coupon_code') <> ''
);

-- name: big_spenders(at)
select contact_id
from profiles.contact_profiles
where contact_id in (
    select contact_id
    from core.events
    where event_name = 'order_paid' and occurred_at between :at - interval '8760 hours' and :at
    group by contact_id
    having sum(value) >= 200
);

-- name: middling_carts(at)
select contact_id
from profiles.contact_profiles
where contact_id in (
    select contact_id
    from core.events
    where event_name = 'cart_updated' and occurred_at between (timestamp '2026-01-01' at time zone 'Europe/Rome') and :at
    group by contact_id
    having avg(case when jsonb_typeof(properties -> 'amount') = 'number' then (properties ->> 'amount')::numeric end) between 50 and 150
);

-- name: first_order_this_quarter(at)
select contact_id
from profiles.contact_profiles as contact
where exists (select from core.events as ordered where ordered.event_name = 'order_created' and ordered.occurred_at between :at - interval '2160 hours' and :at and ordered.contact_id = contact.contact_id)
  and not exists (select from core.events as ordered where ordered.event_name = 'order_created' and ordered.occurred_at < :at - interval '2160 hours' and ordered.contact_id = contact.contact_id);

-- name: no_longer_reading(at)
select contact_id
from profiles.contact_profiles
where email_consent = 'subscribed'
  and contact_id in (
      select contact_id
      from core.events
      where event_name = 'email_opened' and occurred_at <= :at
      group by contact_id
      having max(occurred_at) < :at - interval '2880 hours'
  );

-- name: saw_prices_then_ordered(at)
select contact_id
from profiles.contact_profiles
where contact_id in (
    select seen.contact_id
    from core.events as seen
    inner join core.events as ordered
        on ordered.contact_id = seen.contact_id and ordered.event_name = 'order_created'
       and ordered.occurred_at > seen.occurred_at and ordered.occurred_at <= seen.occurred_at + interval '168 hours'
       and ordered.occurred_at between :at - interval '8760 hours' and :at
    where seen.event_name = 'page_viewed' and seen.occurred_at between :at - interval '8760 hours' and :at
      and lower(btrim(seen.properties ->> 'category')) = 'pricing' and seen.properties -> 'returning' = 'true'
);

-- name: any_sign_of_life(at)
select contact_id
from profiles.contact_profiles
where contact_id in (
    select contact_id from core.events where event_name = 'email_clicked' and occurred_at between :at - interval '336 hours' and :at
    union all
    select contact_id from core.events where event_name = 'whatsapp_received' and occurred_at between :at - interval '336 hours' and :at
    union all
    select contact_id from core.events where event_name = 'call_logged' and occurred_at between :at - interval '336 hours' and :at and lower(btrim(properties ->> 'direction')) = 'inbound'
);

-- name: not_southern_buyers(at)
select contact_id
from profiles.contact_profiles
where email_consent = 'subscribed'
  and (
      (lower(btrim(country)) in ('it', 'fr')) is not true
      or contact_id not in (select contact_id from core.events where event_name = 'order_paid' and occurred_at between :at - interval '8760 hours' and :at)
  );

-- name: nested_groups(at)
select contact_id
from profiles.contact_profiles
where (lower(tags::text)::text[] && array['churn_risk']) is not true
  and (
      (
          lower(btrim(plan)) in ('pro', 'enterprise')
          and contact_id in (
              select contact_id
              from core.events
              where event_name = 'order_paid' and occurred_at between :at - interval '4320 hours' and :at
              group by contact_id
              having sum(value) >= 100
          )
      )
      or (
          lower(btrim(city)) in ('milan', 'turin', 'naples')
          and (
              contact_id in (
                  select contact_id
                  from core.events
                  where event_name = 'whatsapp_received' and occurred_at between :at - interval '2160 hours' and :at
                  group by contact_id
                  having count(*) >= 2
              )
              or (
                  contact_id in (
                      select contact_id
                      from core.events
                      where event_name = 'email_sent' and occurred_at between :at - interval '8760 hours' and :at
                      group by contact_id
                      having count(*) >= 3
                  )
                  and contact_id not in (select contact_id from core.events where event_name = 'email_opened' and occurred_at between :at - interval '8760 hours' and :at)
              )
          )
      )
  );

-- name: share_of_good_customers(vip, frequent_buyers)
select contact_id
from profiles.contact_profiles
where contact_id in (select contact_id from engage.segment_members where segment_id in (:vip, :frequent_buyers))
  and ('x' || substr(md5('spring:' || contact_id), 1, 8))::bit(32)::bigint %% 10000 < 1000;
