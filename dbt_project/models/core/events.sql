{{
    config(
        materialized="incremental",
        incremental_strategy="upsert_changed",
        unique_key="event_id",
        on_schema_change="append_new_columns",
        indexes=[
            {"columns": ["event_id"], "unique": true},
            {"columns": ["event_name", "occurred_at", "contact_id"]},
            {"columns": ["contact_id", "occurred_at"]},
            {"columns": ["source", "recorded_at"]},
        ],
    )
}}

{%- set origins = {
    "orders": "crm.orders",
    "calls": "crm.calls",
    "whatsapp_messages": "crm.whatsapp_messages",
    "deals": "crm.deals",
    "messages": "engage.messages",
} %}

with
{% for origin, source in origins.items() %}
from_{{ origin }} as (
    select * from {{ ref("int_events__from_" ~ origin) }}
    {% if is_incremental() -%}
    where recorded_at > (
        select coalesce(max(seen.recorded_at), '-infinity')
            {%- if origin == "messages" %} - interval '{{ var("message_overlap") }}'{% endif %}
        from {{ this }} as seen
        where seen.source = '{{ source }}'
    )
    {%- endif %}
),
{% endfor %}
events as (
    {% for origin in origins -%}
    select event_id, contact_id, event_name, occurred_at, source, source_key, value, currency::text as currency, properties, recorded_at
    from from_{{ origin }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select * from events
