with deals as (
    select * from {{ ref("stg_crm__deals") }}
),

moments as (
    select
        deals.*,
        'deal_stage_changed' as event_name,
        (step.entry ->> 'at')::timestamptz as occurred_at,
        deal_id || '/' || step.position as source_key,
        amount as value,
        jsonb_strip_nulls(
            jsonb_build_object(
                'deal_id', deal_id, 'title', title, 'to_stage', step.entry ->> 'stage',
                'from_stage', case when step.position > 1 then stage_history -> (step.position::integer - 2) end ->> 'stage', 'owner', owner_name
            )
        ) as properties
    from deals
    cross join lateral jsonb_array_elements(stage_history) with ordinality as step (entry, position)
),

events as (
    select
        {{ event_id("event_name", "source_key") }} as event_id,
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
