with orders as (
    select *
    from {{ ref("stg_crm__orders") }}
    where is_revenue and deleted_at is null
),

totals as (
    select
        customer_id,
        count(*) as orders_count,
        sum(total) as lifetime_value,
        max(currency) as currency,
        round(avg(total), 2) as average_order_value,
        min(ordered_at) as first_order_at,
        max(ordered_at) as last_order_at
    from orders
    group by customer_id
),

last_orders as (
    select distinct on (customer_id)
        customer_id,
        order_id
    from orders
    order by customer_id asc, ordered_at desc, order_id desc
),

last_products as (
    select distinct on (last_orders.customer_id)
        last_orders.customer_id,
        products.name as last_product_name
    from last_orders
    inner join {{ ref("stg_crm__order_items") }} as items on last_orders.order_id = items.order_id
    inner join {{ ref("stg_crm__products") }} as products on items.product_id = products.product_id
    where items.deleted_at is null
    order by last_orders.customer_id asc, items.unit_price * items.quantity desc, items.order_item_id asc
),

spending as (
    select
        totals.customer_id as contact_id,
        totals.orders_count,
        totals.lifetime_value,
        totals.currency,
        totals.average_order_value,
        totals.first_order_at,
        totals.last_order_at,
        last_products.last_product_name
    from totals
    left join last_products using (customer_id)
)

select * from spending
