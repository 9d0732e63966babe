{{ config(materialized="view") }}

{{
    message_outcomes_of(
        ref("stg_activation__campaign_messages"), ref("stg_activation__campaign_runs"), ref("classified_message_events")
    )
}}
