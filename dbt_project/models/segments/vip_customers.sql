with ranked as (
    select contact_id, orders_count, percent_rank() over (order by lifetime_value) as spending_rank
    from {{ ref("contact_profiles") }}
    where orders_count > 0
)

select contact_id from ranked where spending_rank >= 0.95 and orders_count >= 3
