with wrote as (
    select distinct contact_id
    from {{ ref("events") }}
    where event_name = 'whatsapp_received' and occurred_at >= now() - interval '60 days'
),

known as (
    select contact_id
    from {{ ref("contact_profiles") }}
)

select contact_id
from wrote
inner join known using (contact_id)
