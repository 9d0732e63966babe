with source as (
    select * from {{ source("activation", "campaign_runs") }}
),

renamed as (
    select
        campaign_run_id,
        campaign_id,
        state,
        targeted,
        scheduled_for,
        started_at,
        finished_at
    from source
)

select * from renamed
