with source as (
    select * from {{ source("activation", "segment_sizes") }}
),

renamed as (
    select
        segment_id,
        measured_at,
        size,
        entered,
        exited
    from source
)

select * from renamed
