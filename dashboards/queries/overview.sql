-- name: kpis(days)
select day, contacts, new_contacts, orders, revenue, messages_sent, messages_delivered, messages_opened, messages_clicked, unsubscribes
from marts.kpi_daily
where day > (select max(day) from marts.kpi_daily) - 2 * :days::integer
order by day;

-- name: currency()
-- no row when there are several: a sum over them is in none
select min(currency) as currency from profiles.contact_profiles where currency is not null having count(distinct currency) = 1;

-- name: running()
select campaign.key, campaign.name, campaign.state, run.targeted,
    count(message.message_id) filter (where message.state not in ('queued', 'claimed')) as done
from engage.campaigns campaign
join engage.campaign_runs run using (campaign_id)
left join engage.campaign_messages message using (campaign_run_id)
where run.state in ('preparing', 'sending')
group by 1, 2, 3, run.campaign_run_id, run.targeted
order by run.campaign_run_id;

-- name: segments()
select key, title, size, problem from engage.segments where is_active and size is not null order by size desc;

-- name: syncs()
select checkpoint.table_name, checkpoint.synced_at, checkpoint.rows_total, run.status, run.rows_read,
    coalesce(run.rows_inserted, 0) + coalesce(run.rows_updated, 0) + coalesce(run.rows_deleted, 0) as rows_changed, run.lag_seconds, run.problem
from engage.sync_checkpoints checkpoint
left join lateral (
    select status, rows_read, rows_inserted, rows_updated, rows_deleted, lag_seconds, problem
    from engage.sync_runs
    where sync_runs.table_name = checkpoint.table_name and kind = 'sync'
    order by started_at desc
    limit 1
) run on true
order by checkpoint.table_name;

-- name: data_tests()
select distinct on (suite) suite, passed, problem, expectations, checked_at
from engage.data_test_results
order by suite, checked_at desc, data_test_result_id desc;
