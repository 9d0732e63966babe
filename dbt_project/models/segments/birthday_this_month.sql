with born_this_month as (
    select contact_id
    from {{ ref("contact_profiles") }}
    where extract(month from date_of_birth) = extract(month from {{ local_day("now()") }})
)

select contact_id
from born_this_month
