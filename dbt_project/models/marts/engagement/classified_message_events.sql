{{ config(materialized="view") }}

{{ classified_message_events_of(ref("stg_message_log__message_events"), ref("engagement_rules"), ref("seen_agents")) }}
