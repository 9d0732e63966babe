{%- set message_figures = {
    "messages_sent": "sent",
    "messages_delivered": "delivered",
    "messages_opened": "opened",
    "messages_clicked": "clicked",
    "unsubscribes": "unsubscribed",
} %}

with days as (
    select {{ local_day("now()") }} - ago as day
    from generate_series(0, 399) as ago
),

arrivals as (
    select
        {{ local_day("created_at") }} as day,
        count(*) as new_contacts
    from {{ ref("contacts") }}
    group by day
),

earlier as (
    select coalesce(sum(new_contacts), 0) as contacts
    from arrivals
    where day < (select min(days.day) from days)
),

sales as (
    select
        {{ local_day("ordered_at") }} as day,
        count(*) as orders,
        count(distinct customer_id) as paying_customers,
        sum(total) as revenue
    from {{ ref("stg_crm__orders") }}
    where is_revenue and deleted_at is null
    group by day
),

messages as (
    select
        {% for figure, outcome in message_figures.items() -%}
        sum({{ outcome }})::bigint as {{ figure }},
        {% endfor -%}
        day
    from {{ ref("campaign_daily") }}
    group by day
),

kpi_daily as (
    select
        {% for figure in message_figures -%}
        coalesce(messages.{{ figure }}, 0) as {{ figure }},
        {% endfor -%}
        day,
        (earlier.contacts + sum(coalesce(arrivals.new_contacts, 0)) over (order by day))::bigint as contacts,
        coalesce(arrivals.new_contacts, 0) as new_contacts,
        coalesce(sales.orders, 0) as orders,
        coalesce(sales.paying_customers, 0) as paying_customers,
        coalesce(sales.revenue, 0) as revenue
    from days
    cross join earlier
    left join arrivals using (day)
    left join sales using (day)
    left join messages using (day)
)

select * from kpi_daily
