with orders as (
    select * from {{ ref("stg_crm__orders") }}
),

moments as (
    select
        orders.customer_id,
        orders.extracted_at,
        moment.event_name,
        moment.occurred_at,
        orders.order_id::text as source_key,
        orders.total as value,
        orders.currency,
        jsonb_strip_nulls(
            jsonb_build_object(
                'order_id', orders.order_id, 'status', orders.status, 'channel', orders.channel,
                'coupon_code', orders.coupon_code
            )
        ) as properties
    from orders
    cross join
        lateral (
            values ('order_created', orders.ordered_at), ('order_paid', orders.paid_at)
        ) as moment (event_name, occurred_at)
    where moment.occurred_at is not null
),

events as (
    select
        {{ surrogate_key(["event_name", "source_key"]) }} as event_id,
        customer_id as contact_id,
        event_name,
        occurred_at,
        'crm.orders' as source,
        source_key,
        value,
        currency,
        properties,
        extracted_at as recorded_at
    from moments
)

select * from events
