with source as (
    select * from {{ source("activation", "campaigns") }}
),

renamed as (
    select
        campaign_id,
        segment_id,
        template_id,
        key as campaign_key,
        name as campaign_name,
        kind,
        state,
        next_run_at,
        created_at
    from source
)

select * from renamed
