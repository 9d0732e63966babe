{#- The uuid of a text: the same text is always the same event. -#}
{% macro event_id(name, key) -%}
    md5({{ name }} || '|' || {{ key }})::uuid
{%- endmacro %}

{#- A text without blanks around it; nothing when nothing is left. -#}
{% macro clean_text(column) -%}
    nullif(btrim({{ column }}), '')
{%- endmacro %}

{#- A name as people write it: only those typed all in one case are put right. -#}
{% macro clean_name(column) -%}
    case
        when btrim({{ column }}) in (upper(btrim({{ column }})), lower(btrim({{ column }}))) then nullif(initcap(btrim({{ column }})), '')
        else {{ clean_text(column) }}
    end
{%- endmacro %}

{#- Whether a cleaned mail address can be written to: the shape that mail providers accept, not all that RFC 5322 allows. -#}
{% macro is_mail_address(column) -%}
    {{ column }} ~ '^[a-z0-9.!#$%&''*+/=?^_`{|}~-]+@[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$'
    and {{ column }} !~ '(^\.|\.\.|\.@)' and length({{ column }}) <= 254
{%- endmacro %}

{#- An opt-in flag in words. -#}
{% macro consent(column) -%}
    case {{ column }} when true then 'subscribed' when false then 'unsubscribed' else 'unknown' end
{%- endmacro %}

{#- The calendar day of a time in the workspace's zone. -#}
{% macro local_day(column) -%}
    ({{ column }} at time zone '{{ var("workspace_time_zone") }}')::date
{%- endmacro %}

{#- Part of a whole as a share; nothing when the whole is nothing. -#}
{% macro share(part, whole) -%}
    round({{ part }}::numeric / nullif({{ whole }}, 0), 4)
{%- endmacro %}
