with source as (
    select * from {{ source("raw_crm", "order_items") }}
),

renamed as (
    select
        -- ids
        id as order_item_id,
        order_id,
        product_id,

        -- numbers
        quantity,
        unit_price,
        discount,

        -- times
        updated_at,
        _extracted_at as extracted_at,
        _deleted_at as deleted_at
    from source
)

select * from renamed
