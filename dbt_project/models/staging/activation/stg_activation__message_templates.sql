with source as (
    select * from {{ source("activation", "message_templates") }}
),

renamed as (
    select
        template_id,
        key as template_key,
        name as template_name
    from source
)

select * from renamed
