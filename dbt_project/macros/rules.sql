{#- The uuid of some texts: the same texts always give the same one. -#}
{% macro surrogate_key(texts) -%}
    md5({{ texts | join(" || '|' || ") }})::uuid
{%- endmacro %}

{#- A text without blanks, tabs, line ends and no-break spaces around it; nothing when nothing is left. -#}
{% macro clean_text(column) -%}
    nullif(btrim({{ column }}, e' \t\r\n\u00a0'), '')
{%- endmacro %}

{#- A name as people write it: only those typed all in one case are put right. -#}
{% macro clean_name(column) -%}
    {%- set text = clean_text(column) -%}
    case when {{ text }} in (upper({{ text }}), lower({{ text }})) then initcap({{ text }}) else {{ text }} end
{%- endmacro %}

{#- Whether a cleaned mail address can be written to: what mail providers accept, not all that RFC 5322 allows. -#}
{% macro is_mail_address(column) -%}
    {%- set label = "[a-z0-9]([a-z0-9-]*[a-z0-9])?" %}
    {{ column }} ~ '^[a-z0-9.!#$%&''*+/=?^_`{|}~-]+@{{ label }}(\.{{ label }})+$'
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
