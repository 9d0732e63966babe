with subscribed as (
    select contact_id
    from {{ ref("contact_profiles") }}
    where email_consent = 'subscribed'
),

reachable as (
    select contact_id
    from {{ ref("contact_profiles") }}
    where email_status = 'valid'
)

select contact_id
from subscribed
inner join reachable using (contact_id)
