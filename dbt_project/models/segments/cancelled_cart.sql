with left_unpaid as (
    select
        contact_id,
        source_key as order_id
    from {{ ref("events") }}
    where
        event_name = 'order_created'
        and properties ->> 'status' = 'pending'
        and occurred_at >= now() - interval '14 days'
        and occurred_at < now() - interval '1 day'
),

paid as (
    select source_key as order_id
    from {{ ref("events") }}
    where event_name = 'order_paid' and occurred_at >= now() - interval '14 days'
),

known as (
    select contact_id
    from {{ ref("contact_profiles") }}
)

select distinct contact_id
from left_unpaid
inner join known using (contact_id)
left join paid using (order_id)
where paid.order_id is null
