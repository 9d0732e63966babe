with on_the_pro_plan as (
    select contact_id
    from {{ ref("contact_profiles") }}
    where plan = 'pro'
),

in_rome_or_paris as (
    select contact_id
    from {{ ref("contact_profiles") }}
    where city in ('Rome', 'Paris')
)

select contact_id
from on_the_pro_plan
inner join in_rome_or_paris using (contact_id)
