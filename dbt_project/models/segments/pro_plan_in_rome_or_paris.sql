select contact_id
from {{ ref("contact_profiles") }}
where plan = 'pro' and city in ('Rome', 'Paris')
