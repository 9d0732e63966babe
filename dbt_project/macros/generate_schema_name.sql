{#- A schema is named after its folder, without the target's name in front: it tells who wrote a table. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
