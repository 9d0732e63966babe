with source as (
    select * from {{ source("activation", "segments") }}
),

renamed as (
    select
        segment_id,
        key as segment_key,
        kind,
        title,
        is_active,
        size,
        refreshed_at
    from source
)

select * from renamed
