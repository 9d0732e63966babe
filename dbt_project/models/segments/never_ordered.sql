with known as (
    select contact_id, orders_count from {{ ref("contact_profiles") }} where created_at < now() - interval '14 days'
)

select contact_id from known where orders_count = 0
