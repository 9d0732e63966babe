with ranked as (
    select
        contact_id,
        percent_rank() over (order by lifetime_value) as spending_rank
    from {{ ref("contact_profiles") }}
    where orders_count > 0
),

top_spenders as (
    select contact_id
    from ranked
    where spending_rank >= 0.95
),

regulars as (
    select contact_id
    from {{ ref("contact_profiles") }}
    where orders_count >= 3
)

select contact_id
from top_spenders
inner join regulars using (contact_id)
