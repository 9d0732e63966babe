with known_for_two_weeks as (
    select contact_id
    from {{ ref("contact_profiles") }}
    where created_at < now() - interval '14 days'
),

ordered as (
    select contact_id
    from {{ ref("contact_profiles") }}
    where orders_count > 0
)

select contact_id
from known_for_two_weeks
left join ordered using (contact_id)
where ordered.contact_id is null
