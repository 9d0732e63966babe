-- the last measured size of a segment is the number of its members: both are written in one transaction
with sizes as (
    select distinct on (segment_id)
        segment_id,
        size
    from {{ ref("stg_activation__segment_sizes") }}
    order by segment_id asc, measured_at desc
),

members as (
    select
        segment_id,
        count(*) as members
    from {{ source("activation", "segment_members") }}
    group by segment_id
)

select
    sizes.segment_id,
    sizes.size,
    coalesce(members.members, 0) as members
from sizes
left join members using (segment_id)
where sizes.size <> coalesce(members.members, 0)
