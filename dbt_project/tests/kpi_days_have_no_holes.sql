-- 400 days, each the day after the one before
select
    count(*) as days,
    max(day) - min(day) as span
from {{ ref("kpi_daily") }}
having count(*) <> 400 or max(day) - min(day) <> 399
