-- name: look()
select
    coalesce((select epoch from engage.database_epochs order by begun_at desc limit 1), ''),
    coalesce((select max(batch_id) from engage.send_batches), 0);

-- name: skip_numbers()
-- links in mails that this database knows nothing of carry numbers beyond its newest: they must never be somebody else's
select setval(numbers::regclass, nextval(numbers::regclass) + 100000000)
from pg_get_serial_sequence('engage.campaign_messages', 'message_id') as numbers;

-- name: pause_all(reason, now)
update engage.campaigns
set state = 'paused', paused_from = state, is_active = false, state_reason = :reason, updated_at = :now
where state in ('scheduled', 'preparing', 'sending');
