{{ config(materialized="view") }}

with runs as (
    select * from {{ ref("stg_activation__campaign_runs") }}
),

-- what a provider refused is told in its own words, which may be as many as there are messages
messages as (
    select
        campaign_run_id,
        state,
        case when state in ('skipped', 'cancelled') then reason end as reason,
        count(*) as messages
    from {{ ref("stg_activation__campaign_messages") }}
    group by campaign_run_id, state, case when state in ('skipped', 'cancelled') then reason end
),

campaign_run_results as (
    select
        runs.campaign_run_id,
        runs.campaign_id,
        runs.state as run_state,
        messages.state,
        messages.reason,
        runs.scheduled_for,
        runs.targeted,
        messages.messages,
        {{ share("messages.messages", "runs.targeted") }} as share
    from runs
    inner join messages using (campaign_run_id)
)

select * from campaign_run_results
