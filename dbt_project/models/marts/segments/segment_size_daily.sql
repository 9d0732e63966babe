with sizes as (
    select
        *,
        {{ local_day("measured_at") }} as day
    from {{ ref("stg_activation__segment_sizes") }}
),

days as (
    select
        day,
        segment_id,
        (array_agg(size order by measured_at desc))[1] as size,
        sum(entered)::bigint as entered,
        sum(exited)::bigint as exited
    from sizes
    group by day, segment_id
),

segment_size_daily as (
    select
        days.*,
        segments.segment_key,
        segments.title
    from days
    inner join {{ ref("stg_activation__segments") }} as segments using (segment_id)
)

select * from segment_size_daily
