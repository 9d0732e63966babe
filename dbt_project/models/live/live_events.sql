{#- refers to every origin by name, so that dbt sees them all -#}
with events as (
    {% for origin in event_origins() %}
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
    from {{ ref("int_events__from_" ~ origin) }}
    where contact_id is not null and occurred_at is not null
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select * from events
