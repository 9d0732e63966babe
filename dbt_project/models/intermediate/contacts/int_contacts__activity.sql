{%- set done_by_the_person %}
    event_name in (
        'order_created', 'order_paid', 'whatsapp_received', 'email_opened', 'email_clicked', 'email_unsubscribed'
    )
    or (event_name = 'call_logged' and properties ->> 'direction' = 'inbound')
{%- endset %}

with events as (
    select * from {{ ref("events") }}
),

activity as (
    select
        contact_id,
        count(*) as events_count,
        count(*) filter (where event_name = 'call_logged') as calls_count,
        max(occurred_at) filter (where event_name = 'call_logged') as last_call_at,
        count(*) filter (where event_name = 'whatsapp_received') as whatsapp_received_count,
        max(occurred_at) filter (where event_name = 'whatsapp_received') as last_whatsapp_received_at,
        {% for type in ["sent", "opened", "clicked"] -%}
        count(*) filter (where event_name = 'email_{{ type }}') as emails_{{ type }}_count,
        max(occurred_at) filter (where event_name = 'email_{{ type }}') as last_email_{{ type }}_at,
        {% endfor -%}
        max(occurred_at) filter (where {{ done_by_the_person }}) as last_seen_at
    from events
    group by contact_id
)

select * from activity
