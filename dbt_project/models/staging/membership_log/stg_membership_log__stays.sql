with stays as (
    select * from {{ source("membership_log", "segment_membership_history") }}
),

segments as (
    select * from {{ source("membership_log", "segments") }}
),

named as (
    select
        -- ids
        stays.segment_id,
        stays.contact_id,

        -- text
        segments.key as segment_key,
        segments.title as segment_title,

        -- times
        stays.entered_at,
        stays.exited_at
    from stays
    inner join segments on stays.segment_id = segments.segment_id
)

select * from named
