with wrote as (
    select distinct contact_id
    from {{ ref("events") }}
    where event_name = 'whatsapp_received' and occurred_at >= now() - interval '60 days'
)

select contact_profiles.contact_id
from {{ ref("contact_profiles") }} as contact_profiles
inner join wrote using (contact_id)
