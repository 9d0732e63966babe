-- name: lock_table(table_name)
-- of the session: a second sync of the same table waits, a dead one lets go
select pg_advisory_lock(hashtextextended('engage.sync.' || :table_name, 0));

-- name: unlock_table(table_name)
select pg_advisory_unlock(hashtextextended('engage.sync.' || :table_name, 0));

-- name: reconciled_lately(table_name)
select coalesce(bool_or(kind = 'reconcile' and started_at > clock_timestamp() - interval '24 hours'), false)
from engage.sync_runs
where table_name = :table_name and status = 'succeeded';

-- name: written(mirror)
select pg_stat_get_xact_tuples_inserted(:mirror::regclass), pg_stat_get_xact_tuples_updated(:mirror::regclass);

-- name: rows_total(table_name)
select coalesce(sum(rows_total), 0) from engage.sync_checkpoints where table_name = :table_name;

-- name: checkpoint(table_name)
select cursor_value, cursor_key from engage.sync_checkpoints where table_name = :table_name;

-- name: begin_run(table_name, kind)
with interrupted as (
    update engage.sync_runs
    set status = 'failed', finished_at = clock_timestamp(), problem = 'interrupted: its process ended before it did'
    where table_name = :table_name and status = 'running'
)
insert into engage.sync_runs (table_name, kind, status, started_at)
values (:table_name, :kind, 'running', clock_timestamp())
returning sync_run_id;

-- name: finish_run(sync_run_id, read, inserted, updated, revived, deleted, without_cursor, bytes, lag_seconds)
-- a row that had been deleted and came back is one more row again
update engage.sync_runs
set status = 'succeeded', finished_at = clock_timestamp(), rows_read = :read, rows_inserted = :inserted + :revived,
    rows_updated = :updated - :revived, rows_deleted = :deleted, rows_without_cursor = :without_cursor, bytes = :bytes,
    lag_seconds = :lag_seconds
where sync_run_id = :sync_run_id;

-- name: fail_run(sync_run_id, problem)
update engage.sync_runs
set status = 'failed', finished_at = clock_timestamp(), problem = :problem
where sync_run_id = :sync_run_id and status = 'running';

-- name: save_checkpoint(table_name, cursor_value, cursor_key, rows_gained)
insert into engage.sync_checkpoints as saved (table_name, cursor_value, cursor_key, synced_at, rows_total)
values (:table_name, :cursor_value, :cursor_key, clock_timestamp(), :rows_gained)
on conflict (table_name) do update
set cursor_value = coalesce(excluded.cursor_value, saved.cursor_value),
    cursor_key = coalesce(excluded.cursor_key, saved.cursor_key),
    synced_at = excluded.synced_at,
    rows_total = saved.rows_total + excluded.rows_total;

-- name: has_live_segments()
select 1 from engage.segments where is_active and refresh = 'live' limit 1;

-- name: wake_worker()
select pg_notify('engage_live', '');
