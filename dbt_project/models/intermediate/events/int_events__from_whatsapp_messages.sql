with messages as (
    select * from {{ ref("stg_crm__whatsapp_messages") }}
),

moments as (
    select
        customer_id,
        extracted_at,
        case direction when 'inbound' then 'whatsapp_received' else 'whatsapp_sent' end as event_name,
        sent_at as occurred_at,
        whatsapp_message_id::text as source_key,
        null::numeric as value,
        null::text as currency,
        jsonb_build_object('status', status, 'text', left(body, 200)) as properties
    from messages
),

events as (
    select
        {{ surrogate_key(["event_name", "source_key"]) }} as event_id,
        customer_id as contact_id,
        event_name,
        occurred_at,
        'crm.whatsapp_messages' as source,
        source_key,
        value,
        currency,
        properties,
        extracted_at as recorded_at
    from moments
)

select * from events
