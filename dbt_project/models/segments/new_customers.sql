with came_lately as (
    select contact_id
    from {{ ref("contact_profiles") }}
    where created_at >= now() - interval '30 days'
)

select contact_id
from came_lately
