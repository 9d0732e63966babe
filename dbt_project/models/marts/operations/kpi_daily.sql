with days as (
    select day::date as day
    from generate_series(
        {{ local_day("now()") }} - 399, {{ local_day("now()") }}, interval '1 day'
    ) as day
),

arrivals as (
    select {{ local_day("created_at") }} as day, count(*) as new_contacts from {{ ref("contacts") }} group by 1
),

earlier as (
    select count(*) as contacts
    from {{ ref("contacts") }}
    where {{ local_day("created_at") }} < (select min(day) from days)
),

sales as (
    select
        {{ local_day("ordered_at") }} as day,
        count(*) as orders,
        count(distinct customer_id) as paying_customers,
        sum(total) as revenue
    from {{ ref("stg_crm__orders") }}
    where is_revenue and deleted_at is null
    group by 1
),

messages as (
    select
        day,
        sum(sent) as messages_sent,
        sum(delivered) as messages_delivered,
        sum(opened) as messages_opened,
        sum(clicked) as messages_clicked,
        sum(unsubscribed) as unsubscribes
    from {{ ref("campaign_daily") }}
    group by day
),

kpi_daily as (
    select
        days.day,
        ((select contacts from earlier) + sum(coalesce(arrivals.new_contacts, 0)) over (order by days.day))::bigint as contacts,
        coalesce(arrivals.new_contacts, 0) as new_contacts,
        coalesce(sales.orders, 0) as orders,
        coalesce(sales.paying_customers, 0) as paying_customers,
        coalesce(sales.revenue, 0) as revenue,
        coalesce(messages.messages_sent, 0)::bigint as messages_sent,
        coalesce(messages.messages_delivered, 0)::bigint as messages_delivered,
        coalesce(messages.messages_opened, 0)::bigint as messages_opened,
        coalesce(messages.messages_clicked, 0)::bigint as messages_clicked,
        coalesce(messages.unsubscribes, 0)::bigint as unsubscribes
    from days
    left join arrivals on arrivals.day = days.day
    left join sales on sales.day = days.day
    left join messages on messages.day = days.day
)

select * from kpi_daily
