with readers as (
    select distinct contact_id
    from {{ ref("events") }}
    where event_name in ('email_opened', 'email_clicked') and occurred_at >= now() - interval '30 days'
),

known as (
    select contact_id
    from {{ ref("contact_profiles") }}
)

select contact_id
from readers
inner join known using (contact_id)
