{#-
    Two strategies that never drop a table: views over it stay, readers see the rows of before or those of after,
    and a row that did not change is neither written nor locked. The model is computed into a temporary table first.

    upsert_changed   new and changed rows are written, others stay
    diff             the same, and rows that the model no longer yields are deleted

    A full refresh, like the first run, makes the table anew, and views over it with it.
-#}

{% macro get_incremental_upsert_changed_sql(arg_dict) %}
    {{ write_difference(arg_dict, deletes=false) }}
{% endmacro %}

{% macro get_incremental_diff_sql(arg_dict) %}
    {{ write_difference(arg_dict, deletes=true) }}
{% endmacro %}

{#- One statement, so one moment. It compares stored bytes: any type has them, and null equals null. -#}
{% macro write_difference(arg_dict, deletes) %}
    {%- set target, computed = arg_dict["target_relation"], arg_dict["temp_relation"] -%}
    {%- set key = adapter.quote(arg_dict["unique_key"]) -%}
    {%- set columns = arg_dict["dest_columns"] | map(attribute="quoted") | list -%}
    {%- set others = columns | reject("equalto", key) | list -%}
    analyze {{ computed }};
    with
    {%- if deletes %}
    vanished as (
        delete from {{ target }} as old
        where not exists (select from {{ computed }} as new where new.{{ key }} = old.{{ key }})
    ),
    {%- endif %}
    changed as (
        update {{ target }} as old
        set {% for column in others %}{{ column }} = new.{{ column }}{{ ", " if not loop.last }}{% endfor %}
        from {{ computed }} as new
        where new.{{ key }} = old.{{ key }}
            and record_image_ne(row(old.{{ others | join(", old.") }}), row(new.{{ others | join(", new.") }}))
    )
    insert into {{ target }} ({{ columns | join(", ") }})
    select {{ columns | join(", ") }}
    from {{ computed }} as new
    where not exists (select from {{ target }} as old where old.{{ key }} = new.{{ key }})
{% endmacro %}

{#-
    The rows of a source that came after the newest that this table holds of it. A source whose rows never change but
    may commit late is read again as far back as its overlap, for rows that are not here yet.
-#}
{% macro since_last_build(source, overlap=none) -%}
    {% if is_incremental() -%}
    {%- set newest -%}
        (
            select coalesce(max(newest.recorded_at), '-infinity') - interval '{{ overlap or "0 seconds" }}'
            from {{ this }} as newest
            where newest.source = '{{ source }}'
        )
    {%- endset -%}
    where came.recorded_at > {{ newest }}
    {%- if overlap %}
        and not exists (
            select from {{ this }} as seen
            where seen.source = '{{ source }}' and seen.recorded_at > {{ newest }}
                -- entering and leaving a segment have one key: that of the stay
                and seen.source_key = came.source_key and seen.event_name = came.event_name
        )
    {%- endif %}
    {%- endif %}
{%- endmacro %}

{#- Statistics of a table that was made anew: without them views over it are planned blindly until autovacuum comes. -#}
{% macro analyze_when_made_anew() -%}
    {% if not is_incremental() %}analyze {{ this }}{% endif %}
{%- endmacro %}

{#-
    That a message was sent used to be told by event rows, now by the message itself, under another key. Once, when the
    oldest is still one of the former, all are exchanged; after that it costs one look into the index.
-#}
{% macro sent_events_come_from_messages() -%}
    {% if is_incremental() -%}
    with exchanged as (
        delete from {{ this }}
        where event_name = 'email_sent' and source = 'engage.messages' and source_key not like 'sent/%'
            and (
                select oldest.source_key not like 'sent/%'
                from {{ this }} as oldest
                where oldest.event_name = 'email_sent' and oldest.source = 'engage.messages'
                order by oldest.occurred_at
                limit 1
            )
        returning event_id
    )
    insert into {{ this }}
        (event_id, contact_id, event_name, occurred_at, source, source_key, value, currency, properties, recorded_at)
    select event_id, contact_id, event_name, occurred_at, source, source_key, value, currency, properties, recorded_at
    from {{ ref("int_events__from_sent_messages") }}
    where exists (select from exchanged) and contact_id is not null
    on conflict (event_id) do nothing
    {%- endif %}
{%- endmacro %}
