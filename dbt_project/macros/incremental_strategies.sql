{#-
    Two strategies that never drop a table: views over it stay, readers see the old rows or the new ones, and rows that did
    not change are not written. The model is computed into a temporary table first.

    upsert_changed   new and changed rows are written, others stay
    diff             the same, and rows that the model no longer yields are deleted
-#}

{% macro get_incremental_upsert_changed_sql(arg_dict) %}
    {%- set key = arg_dict["unique_key"] -%}
    {%- set columns = arg_dict["dest_columns"] | map(attribute="quoted") | join(", ") -%}
    {%- set others = arg_dict["dest_columns"] | rejectattr("name", "equalto", key) | map(attribute="quoted") | list -%}
    insert into {{ arg_dict["target_relation"] }} as old ({{ columns }})
    select {{ columns }} from {{ arg_dict["temp_relation"] }}
    on conflict ({{ key }}) do update
    set {% for column in others %}{{ column }} = excluded.{{ column }}{{ ", " if not loop.last }}{% endfor %}
    where record_image_ne(
        row({% for column in others %}old.{{ column }}{{ ", " if not loop.last }}{% endfor %}),
        row({% for column in others %}excluded.{{ column }}{{ ", " if not loop.last }}{% endfor %})
    )
{% endmacro %}

{% macro get_incremental_diff_sql(arg_dict) %}
    {%- set key = arg_dict["unique_key"] -%}
    delete from {{ arg_dict["target_relation"] }} as old
    where not exists (
        select from {{ arg_dict["temp_relation"] }} as new where new.{{ key }} = old.{{ key }}
    );
    {{ get_incremental_upsert_changed_sql(arg_dict) }}
{% endmacro %}
