{#- One row per combination of the columns. -#}
{% test unique_combination(model, columns) %}
    select {{ columns | join(", ") }}, count(*)
    from {{ model }}
    group by {{ columns | join(", ") }}
    having count(*) > 1
{% endtest %}

{#- A condition that every row fulfils. -#}
{% test always(model, condition) %}
    select * from {{ model }} where not coalesce({{ condition }}, false)
{% endtest %}

{#- Texts without blanks around them and never empty; those in `folded` are in lower case as well. -#}
{% test tidy(model, trimmed=[], folded=[]) %}
    select *
    from {{ model }}
    where false
        {%- for name in trimmed + folded %} or {{ name }} = '' or {{ name }} <> btrim({{ name }}, e' \t\r\n'){% endfor %}
        {%- for name in folded %} or {{ name }} <> lower({{ name }}){% endfor %}
{% endtest %}

{#- Values between two bounds, both allowed; an empty one is no offence. -#}
{% test accepted_range(model, column_name, at_least=none, at_most=none) %}
    select {{ column_name }}
    from {{ model }}
    where false
        {%- if at_least is not none %} or {{ column_name }} < {{ at_least }}{% endif %}
        {%- if at_most is not none %} or {{ column_name }} > {{ at_most }}{% endif %}
{% endtest %}

{#- Every contact of a segment is a contact. -#}
{% test are_contacts(model, column_name) %}
    select {{ column_name }}
    from {{ model }} as members
    where not exists (
        select from {{ ref("contacts") }} as contacts where contacts.contact_id = members.{{ column_name }}
    )
{% endtest %}
