-- whoever was targeted is in exactly one state; both are counted in one statement, so in one moment
select
    runs.campaign_run_id,
    runs.targeted,
    coalesce(sum(results.messages), 0) as messages
from {{ ref("stg_activation__campaign_runs") }} as runs
left join {{ ref("campaign_run_results") }} as results using (campaign_run_id)
group by runs.campaign_run_id, runs.targeted
having coalesce(runs.targeted, 0) <> coalesce(sum(results.messages), 0)
