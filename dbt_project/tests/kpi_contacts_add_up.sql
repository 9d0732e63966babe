-- each day has the contacts of the day before, and the new ones
with days as (
    select
        day,
        contacts,
        lag(contacts) over (order by day) + new_contacts as expected
    from {{ ref("kpi_daily") }}
)

select *
from days
where contacts <> expected
