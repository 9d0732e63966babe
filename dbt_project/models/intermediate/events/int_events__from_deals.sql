with deals as (
    select * from {{ ref("stg_crm__deals") }}
),

moments as (
    select
        deals.customer_id,
        deals.extracted_at,
        'deal_stage_changed' as event_name,
        (step.entry ->> 'at')::timestamptz as occurred_at,
        deals.deal_id || '/' || step.position as source_key,
        deals.amount as value,
        deals.currency,
        jsonb_strip_nulls(
            jsonb_build_object(
                'deal_id', deals.deal_id, 'title', deals.title, 'to_stage', step.entry ->> 'stage',
                'from_stage', deals.stage_history -> (nullif(step.position, 1)::integer - 2) ->> 'stage',
                'owner', deals.owner_name
            )
        ) as properties
    from deals
    cross join lateral jsonb_array_elements(
        -- JSON's own null and single objects are no history, and keep no other deal from having one
        case when jsonb_typeof(deals.stage_history) = 'array' then deals.stage_history else '[]' end
    ) with ordinality as step (entry, position)
    where step.entry ->> 'at' is not null
),

events as (
    select
        {{ surrogate_key(["event_name", "source_key"]) }} as event_id,
        customer_id as contact_id,
        event_name,
        occurred_at,
        'crm.deals' as source,
        source_key,
        value,
        currency,
        properties,
        extracted_at as recorded_at
    from moments
)

select * from events
