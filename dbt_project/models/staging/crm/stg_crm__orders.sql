with source as (
    select * from {{ source("raw_crm", "orders") }}
),

renamed as (
    select
        -- ids
        id as order_id,
        customer_id,

        -- text
        status,
        channel,
        coupon_code,
        currency::text as currency,

        -- numbers
        total,

        -- flags
        paid_at is not null and status not in ('cancelled', 'refunded') as is_revenue,

        -- times
        ordered_at,
        paid_at,
        shipped_at,
        cancelled_at,
        updated_at,
        _extracted_at as extracted_at,
        _deleted_at as deleted_at
    from source
)

select * from renamed
