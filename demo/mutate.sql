-- name: new_customers(limit, seed, now)
-- somebody signs up with the name of one customer and the place of another
insert into customers (first_name, last_name, email, phone, city, country, time_zone, locale, plan, lead_source, email_opt_in, created_at, updated_at)
select names.first_name, names.last_name,
    format('new.%%s.%%s@example.com', substr(md5(:seed || names.id::text), 1, 8), names.id), places.phone, places.city,
    places.country, places.time_zone, places.locale, 'free', 'organic', true, :now, :now
from (select *, row_number() over (order by md5(:seed || id::text)) as n from customers order by n limit :limit) names
join (select *, row_number() over (order by md5(id::text || :seed)) as n from customers order by n limit :limit) places using (n);

-- name: new_orders(limit, seed, now)
with buyers as (
    select id, row_number() over (order by md5(:seed || 'buys' || id::text)) as n from customers order by n limit :limit
),
choice as (
    select buyers.id as customer_id, buyers.n, product.id as product_id, product.price
    from buyers
    join lateral (select id, price from products order by md5(:seed || buyers.id::text || id::text) limit 1) product on true
),
placed as (
    insert into orders (customer_id, status, channel, total, currency, ordered_at, paid_at, updated_at)
    select customer_id, case when n %% 4 = 0 then 'pending' else 'paid' end, case when n %% 3 = 0 then 'app' else 'web' end,
        price, 'EUR', :now, case when n %% 4 = 0 then null else :now::timestamptz end, :now
    from choice
    returning id, customer_id
)
insert into order_items (order_id, product_id, quantity, unit_price, updated_at)
select placed.id, choice.product_id, 1, choice.price, :now
from placed
join choice using (customer_id);

-- name: order_moves(limit, seed, now)
update orders
set status = case status when 'pending' then 'paid' when 'paid' then 'shipped' else 'delivered' end,
    paid_at = coalesce(paid_at, :now),
    shipped_at = case when status = 'paid' then :now else shipped_at end,
    updated_at = :now
where id in (
    select id from orders
    where status in ('pending', 'paid', 'shipped') and updated_at < :now
    order by md5(:seed || id::text)
    limit :limit
);

-- name: customer_edits(limit, seed, now)
update customers
set plan = case when n %% 5 = 0 then 'pro' else plan end,
    city = case when n %% 5 = 1 then 'Rome' else city end,
    country = case when n %% 5 = 1 then 'IT' else country end,
    time_zone = case when n %% 5 = 1 then 'Europe/Rome' else time_zone end,
    email_opt_in = case when n %% 5 = 2 then not coalesce(email_opt_in, false) else email_opt_in end,
    email = case when n %% 5 = 3 then replace(replace(email, '@@', '@'), ' at ', '@') else email end,
    phone = case when n %% 5 = 4 then null else phone end,
    updated_at = :now
from (
    select id as chosen, row_number() over (order by md5(:seed || 'edit' || id::text)) as n from customers order by n limit :limit
) edited
where id = edited.chosen;

-- name: new_calls(limit, seed, now)
insert into calls (customer_id, direction, outcome, topic, agent_name, started_at, duration, updated_at)
select id, 'inbound', 'answered', 'support', 'Giulia Conti', :now, interval '3 minutes', :now
from customers
order by md5(:seed || 'call' || id::text)
limit :limit;

-- name: new_whatsapp_messages(limit, seed, now)
insert into whatsapp_messages (customer_id, direction, status, body, sent_at, updated_at)
select id, 'inbound', 'received', 'Is it in stock again?', :now, :now
from customers
order by md5(:seed || 'whatsapp' || id::text)
limit :limit;

-- name: deal_moves(limit, seed, now)
update deals
set stage = moved.next_stage,
    stage_history = stage_history || jsonb_build_object('stage', moved.next_stage, 'at', to_jsonb(:now::timestamptz)),
    closed_at = case when moved.next_stage = 'won' then :now else closed_at end,
    updated_at = :now
from (
    select id as chosen,
        case stage when 'lead' then 'qualified' when 'qualified' then 'proposal' when 'proposal' then 'negotiation' else 'won' end
            as next_stage
    from deals
    where stage not in ('won', 'lost')
    order by md5(:seed || id::text)
    limit :limit
) moved
where id = moved.chosen;

-- name: deleted_customers(limit, seed, now)
-- people who asked to be forgotten and never bought anything; :now is not needed to forget somebody
delete from customers
where :now::timestamptz is not null and id in (
    select id from customers customer
    where not exists (select from orders where orders.customer_id = customer.id)
    order by md5(:seed || 'bye' || id::text)
    limit :limit
);
