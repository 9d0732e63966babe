{{
    config(
        materialized="incremental",
        incremental_strategy="upsert_changed",
        unique_key="message_id",
        on_schema_change="append_new_columns",
        pre_hook="{{ find_changed_messages() }}",
        post_hook="{{ analyze_when_made_anew() }}",
        indexes=[{"columns": ["message_id"], "unique": true}],
    )
}}

{%- set messages, runs = ref("stg_activation__campaign_messages"), ref("stg_activation__campaign_runs") %}
{%- set events, rules = ref("stg_message_log__message_events"), ref("engagement_rules") %}
{%- set agents = ref("seen_agents") %}
{%- set among = "changed_messages" if is_incremental() else none %}

with derivation as (
    {{ derivation_of_outcomes(rules) }}
),

classified as (
    {{ classified_message_events_of(events, rules, agents, among=among) }}
),

outcomes as (
    {{ message_outcomes_of(messages, runs, "classified", among=among) }}
),

built_message_outcomes as (
    select
        outcomes.*,
        derivation.derived_by
    from outcomes
    cross join derivation
)

select * from built_message_outcomes
