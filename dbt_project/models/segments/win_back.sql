with regulars as (
    select contact_id
    from {{ ref("contact_profiles") }}
    where orders_count >= 2
),

silent as (
    select contact_id
    from {{ ref("contact_profiles") }}
    where
        last_order_at < now() - interval '90 days'
        and last_order_at >= now() - interval '365 days'
)

select contact_id
from regulars
inner join silent using (contact_id)
