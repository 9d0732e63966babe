{#- One row per combination of the columns. -#}
{% test unique_combination(model, columns) %}
    select {{ columns | join(", ") }}, count(*) from {{ model }} group by {{ columns | join(", ") }} having count(*) > 1
{% endtest %}

{#- A condition that every row fulfils. -#}
{% test always(model, condition) %}
    select * from {{ model }} where not coalesce({{ condition }}, false)
{% endtest %}

{#- Every contact of a segment is a contact. -#}
{% test are_contacts(model, column_name) %}
    select {{ column_name }} from {{ model }}
    where not exists (select from {{ ref("contacts") }} as contacts where contacts.contact_id = {{ model }}.{{ column_name }})
{% endtest %}
