-- name: vip()
select contact_id from profiles where lifetime_value >= 300 and orders_count >= 5;

-- name: pro_in_rome_or_paris(at, vip)
select contact_id
from profiles
where lower(trim(plan)) = 'pro' and lower(trim(city)) in ('rome', 'paris')
  and contact_id in (select contact_id from events where event_name = 'email_opened' and occurred_at between :at - interval 720 hour and :at)
  and contact_id not in (select contact_id from events where event_name = 'order_created' and occurred_at between :at - interval 1440 hour and :at)
  and contact_id not in (select contact_id from members where segment_id = :vip);

-- name: managers_on_free_mail()
select contact_id
from profiles
where email_domain in ('gmail.com', 'outlook.com') and lower(job_title) like '%manager%' and lower(last_name) like 's%'
  and lower(company) like '%ltd' and trim(phone) <> '' and lower(trim(lead_source)) <> 'ads' and trim(lead_source) <> '';

-- name: birthday_this_week(at)
select contact_id
from profiles
where email_consent = 'subscribed' and lower(trim(country)) <> 'de' and trim(country) <> ''
  and date_of_birth < (:at at time zone 'Europe/Rome')::date
  and strftime(date_of_birth, '%m%d') in (
      select strftime((:at at time zone 'Europe/Rome')::date + days::integer, '%m%d') from range(8) as coming (days)
  );

-- name: tagged_newcomers(at)
select contact_id
from profiles
where created_at between :at - interval 17520 hour and :at
  and updated_at >= timestamp '2026-01-02' at time zone 'Europe/Rome'
  and date_of_birth between '1970-01-01' and '1999-12-31'
  and average_order_value between 20 and 80
  and list_has_any(list_transform(tags, lambda tag: lower(tag)), ['vip', 'beta', 'webinar'])
  and not list_has_any(list_transform(tags, lambda tag: lower(tag)), ['churn_risk']);

-- name: deal_in_proposal(at)
select contact_id
from profiles
where trim(company) <> ''
  and contact_id in (
      select contact_id
      from (
          select distinct on (properties ->> 'deal_id') contact_id, properties ->> 'to_stage' as stage
          from events
          where event_name = 'deal_stage_changed' and occurred_at <= :at
          order by properties ->> 'deal_id', occurred_at desc, event_id desc
      ) as deal
      where lower(trim(stage)) = 'proposal'
  );

-- name: frequent_buyers(at)
select contact_id
from profiles
where contact_id in (
    select contact_id
    from events
    where event_name = 'order_paid' and occurred_at between :at - interval 8760 hour and :at
    group by contact_id
    having count(*) >= 3
);

-- name: sleepers(at)
select contact_id
from profiles
where contact_id in (select contact_id from events where event_name = 'order_created' and occurred_at < :at - interval 4320 hour)
  and contact_id not in (select contact_id from events where event_name = 'order_created' and occurred_at between :at - interval 4320 hour and :at)
  and contact_id not in (select contact_id from events where event_name = 'email_opened' and occurred_at between :at - interval 2160 hour and :at);

-- name: rarely_mailed(at)
select contact_id
from profiles
where email_consent = 'subscribed'
  and contact_id not in (
      select contact_id
      from events
      where event_name = 'email_sent' and occurred_at between :at - interval 2160 hour and :at
      group by contact_id
      having count(*) > 2
  );

-- name: bought_once(at)
select contact_id
from profiles
where contact_id in (
    select contact_id from events where event_name = 'order_paid' and occurred_at <= :at group by contact_id having count(*) = 1
);

-- name: coupon_orders_on_the_web(at)
select contact_id
from profiles
where contact_id in (
    select contact_id
    from events
    where event_name = 'order_created' and occurred_at between :at - interval 2160 hour and :at and value >= 50
      and lower(trim(properties ->> 'channel')) = 'web' and trim(properties ->> 'coupon_code') <> ''
);

-- name: big_spenders(at)
select contact_id
from profiles
where contact_id in (
    select contact_id
    from events
    where event_name = 'order_paid' and occurred_at between :at - interval 8760 hour and :at
    group by contact_id
    having sum(value) >= 200
);

-- name: middling_carts(at)
select contact_id
from profiles
where contact_id in (
    select contact_id
    from events
    where event_name = 'cart_updated' and occurred_at between (timestamp '2026-01-01' at time zone 'Europe/Rome') and :at
    group by contact_id
    having avg(try_cast(properties ->> 'amount' as decimal(18, 4))) between 50 and 150
);

-- name: first_order_this_quarter(at)
select contact_id
from profiles
where contact_id in (
    select contact_id
    from events
    where event_name = 'order_created' and occurred_at <= :at
    group by contact_id
    having min(occurred_at) >= :at - interval 2160 hour
);

-- name: no_longer_reading(at)
select contact_id
from profiles
where email_consent = 'subscribed'
  and contact_id in (
      select contact_id
      from events
      where event_name = 'email_opened' and occurred_at <= :at
      group by contact_id
      having max(occurred_at) < :at - interval 2880 hour
  );

-- name: saw_prices_then_ordered(at)
select contact_id
from profiles
where contact_id in (
    select seen.contact_id
    from events as seen
    inner join events as ordered
        on ordered.contact_id = seen.contact_id and ordered.event_name = 'order_created'
       and ordered.occurred_at > seen.occurred_at and ordered.occurred_at <= seen.occurred_at + interval 168 hour
       and ordered.occurred_at <= :at
    where seen.event_name = 'page_viewed' and seen.occurred_at between :at - interval 8760 hour and :at
      and lower(trim(seen.properties ->> 'category')) = 'pricing' and seen.properties ->> 'returning' = 'true'
);

-- name: any_sign_of_life(at)
select contact_id
from profiles
where contact_id in (select contact_id from events where event_name = 'email_clicked' and occurred_at between :at - interval 336 hour and :at)
   or contact_id in (select contact_id from events where event_name = 'whatsapp_received' and occurred_at between :at - interval 336 hour and :at)
   or contact_id in (select contact_id from events where event_name = 'call_logged' and occurred_at between :at - interval 336 hour and :at and lower(trim(properties ->> 'direction')) = 'inbound');

-- name: not_southern_buyers(at)
select contact_id
from profiles
where email_consent = 'subscribed'
  and (
      coalesce(lower(trim(country)) in ('it', 'fr'), false) = false
      or contact_id not in (select contact_id from events where event_name = 'order_paid' and occurred_at between :at - interval 8760 hour and :at)
  );

-- name: nested_groups(at)
select contact_id
from profiles
where coalesce(list_has_any(list_transform(tags, lambda tag: lower(tag)), ['churn_risk']), false) = false
  and (
      (
          lower(trim(plan)) in ('pro', 'enterprise')
          and contact_id in (
              select contact_id
              from events
              where event_name = 'order_paid' and occurred_at between :at - interval 4320 hour and :at
              group by contact_id
              having sum(value) >= 100
          )
      )
      or (
          lower(trim(city)) in ('milan', 'turin', 'naples')
          and (
              contact_id in (
                  select contact_id
                  from events
                  where event_name = 'whatsapp_received' and occurred_at between :at - interval 2160 hour and :at
                  group by contact_id
                  having count(*) >= 2
              )
              or (
                  contact_id in (
                      select contact_id
                      from events
                      where event_name = 'email_sent' and occurred_at between :at - interval 8760 hour and :at
                      group by contact_id
                      having count(*) >= 3
                  )
                  and contact_id not in (select contact_id from events where event_name = 'email_opened' and occurred_at between :at - interval 8760 hour and :at)
              )
          )
      )
  );

-- name: share_of_good_customers(vip, frequent_buyers)
select contact_id
from profiles
where contact_id in (select contact_id from members where segment_id in (:vip, :frequent_buyers))
  and ('0x' || substr(md5('spring:' || contact_id), 1, 8))::bigint % 10000 < 1000;
