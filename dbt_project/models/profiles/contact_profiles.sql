{{
    config(
        materialized="incremental",
        incremental_strategy="diff",
        unique_key="contact_id",
        on_schema_change="append_new_columns",
        indexes=[
            {"columns": ["contact_id"], "unique": true},
            {"columns": ["email text_pattern_ops"]},
            {"columns": ["lower(last_name) text_pattern_ops"]},
            {"columns": ["lower(first_name) text_pattern_ops"]},
            {"columns": ["country", "city"]},
        ],
    )
}}

with contacts as (
    select * from {{ ref("contacts") }}
),

orders as (
    select * from {{ ref("stg_crm__orders") }} where is_revenue and deleted_at is null
),

spending as (
    select
        customer_id as contact_id,
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
    select distinct on (customer_id) customer_id as contact_id, order_id
    from orders
    order by customer_id asc, ordered_at desc, order_id desc
),

last_products as (
    select distinct on (last_orders.contact_id) last_orders.contact_id, products.name as last_product_name
    from last_orders
    inner join {{ ref("stg_crm__order_items") }} as items on items.order_id = last_orders.order_id
    inner join {{ ref("stg_crm__products") }} as products on products.product_id = items.product_id
    where items.deleted_at is null
    order by last_orders.contact_id asc, items.unit_price * items.quantity desc, items.order_item_id asc
),

open_deals as (
    select customer_id as contact_id, count(*) as open_deals_count, sum(amount) as open_deals_amount
    from {{ ref("stg_crm__deals") }}
    where stage not in ('won', 'lost') and deleted_at is null
    group by customer_id
),

activity as (
    select
        contact_id,
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
        max(occurred_at) filter (
            where event_name in (
                'order_created', 'order_paid', 'whatsapp_received', 'email_opened', 'email_clicked', 'email_unsubscribed'
            )
        ) as last_seen_at
    from {{ ref("events") }}
    group by contact_id
),

contact_profiles as (
    select
        contacts.*,
        coalesce(spending.orders_count, 0) as orders_count,
        coalesce(spending.lifetime_value, 0) as lifetime_value,
        spending.currency::text as currency,
        spending.average_order_value,
        spending.first_order_at,
        spending.last_order_at,
        last_products.last_product_name,
        coalesce(open_deals.open_deals_count, 0) as open_deals_count,
        coalesce(open_deals.open_deals_amount, 0) as open_deals_amount,
        coalesce(activity.events_count, 0) as events_count,
        coalesce(activity.calls_count, 0) as calls_count,
        activity.last_call_at,
        coalesce(activity.whatsapp_received_count, 0) as whatsapp_received_count,
        activity.last_whatsapp_received_at,
        coalesce(activity.emails_sent_count, 0) as emails_sent_count,
        coalesce(activity.emails_opened_count, 0) as emails_opened_count,
        coalesce(activity.emails_clicked_count, 0) as emails_clicked_count,
        activity.last_email_sent_at,
        activity.last_email_opened_at,
        activity.last_email_clicked_at,
        activity.last_seen_at
    from contacts
    left join spending using (contact_id)
    left join last_products using (contact_id)
    left join open_deals using (contact_id)
    left join activity using (contact_id)
)

select * from contact_profiles
