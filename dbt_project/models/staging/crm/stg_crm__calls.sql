with source as (
    select * from {{ source("raw_crm", "calls") }}
),

renamed as (
    select
        -- ids
        id as call_id,
        customer_id,

        -- text
        direction,
        outcome,
        topic,
        agent_name,

        -- numbers
        extract(epoch from duration)::bigint as duration_seconds,

        -- times
        started_at,
        updated_at,
        _extracted_at as extracted_at,
        _deleted_at as deleted_at
    from source
)

select * from renamed
