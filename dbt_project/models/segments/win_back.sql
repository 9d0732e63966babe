with regulars as (
    select contact_id, last_order_at from {{ ref("contact_profiles") }} where orders_count >= 2
)

select contact_id
from regulars
where last_order_at < now() - interval '90 days' and last_order_at >= now() - interval '365 days'
