with negotiating as (
    select contact_id
    from {{ ref("contact_profiles") }}
    where open_deals_amount > 5000
)

select contact_id
from negotiating
