-- name: look()
select
    coalesce((select epoch from engage.database_epochs order by begun_at desc limit 1), ''),
    coalesce((select max(batch_id) from engage.send_batches), 0);

-- name: pause_all(reason, now)
update engage.campaigns
set state = 'paused', paused_from = state, is_active = false, state_reason = :reason, updated_at = :now
where state in ('scheduled', 'preparing', 'sending');
