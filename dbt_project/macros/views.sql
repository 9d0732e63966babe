{#- A view is replaced in its place. dbt's own way (rename, then `drop … cascade`) takes what is built on it along, and two
    such drops at once deadlock over a view that both feed. Only changed columns still need the drop. -#}
{% materialization view, adapter="postgres" %}
    {%- set target = this.incorporate(type="view") -%}
    {%- set existing = load_cached_relation(this) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {%- if existing is not none and not existing.is_view -%} {{ drop_relation_if_exists(existing) }} {%- endif -%}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% call statement("main") -%}
        {%- if config.get("contract").enforced -%} {{ get_assert_columns_equivalent(sql) }} {%- endif -%}
        do $replace_view$
        begin
            create or replace view {{ target }} as (
                {{ sql }}
            );
        exception when invalid_table_definition then -- it has other columns now
            drop view {{ target }} cascade;
            create view {{ target }} as (
                {{ sql }}
            );
        end
        $replace_view$
    {%- endcall %}

    {% do apply_grants(target, config.get("grants"), should_revoke=should_revoke(existing, full_refresh_mode=True)) %}
    {% do persist_docs(target, model) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [target]}) }}
{% endmaterialization %}
