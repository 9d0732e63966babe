with deals as (
    select *
    from {{ ref("stg_crm__deals") }}
    where stage not in ('won', 'lost') and deleted_at is null
),

open_deals as (
    select
        customer_id as contact_id,
        count(*) as open_deals_count,
        sum(amount) as open_deals_amount
    from deals
    group by customer_id
)

select * from open_deals
