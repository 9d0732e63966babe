{{
    config(
        materialized="incremental",
        incremental_strategy="upsert_changed",
        unique_key="event_id",
        on_schema_change="append_new_columns",
        pre_hook="{{ sent_events_come_from_messages() }}",
        indexes=[
            {"columns": ["event_id"], "unique": true},
            {"columns": ["event_name", "occurred_at", "contact_id"]},
            {"columns": ["contact_id", "occurred_at desc"]},
            {"columns": ["source", "recorded_at"]},
        ],
    )
}}

{%- set overlap = var("message_overlap") %}
{%- set overlaps = {"engage.messages": overlap, "engage.segments": overlap, "landing.events": overlap} %}
{%- set origins = event_origins() %}

with
{% for origin, source in origins.items() %}
from_{{ origin }} as (
    select came.*
    from {{ ref("int_events__from_" ~ origin) }} as came
    {{ since_last_build(source, overlap=overlaps.get(source)) }}
),
{% endfor %}
events as (
    {% for origin in origins %}
    select
        event_id,
        contact_id,
        event_name,
        occurred_at,
        source,
        source_key,
        value,
        currency,
        properties,
        recorded_at
    from from_{{ origin }}
    where contact_id is not null and occurred_at is not null
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select * from events
