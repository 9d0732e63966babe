with readers as (
    select distinct contact_id
    from {{ ref("events") }}
    where event_name in ('email_opened', 'email_clicked') and occurred_at >= now() - interval '30 days'
)

select contact_profiles.contact_id
from {{ ref("contact_profiles") }} as contact_profiles
inner join readers using (contact_id)
