-- name: list_all()
select channel, most, window_hours, is_active, updated_at, updated_by from engage.frequency_caps order by channel;

-- name: find(channel)
select channel, most, window_hours, is_active, updated_at, updated_by from engage.frequency_caps where channel = :channel;

-- name: save(channel, most, window_hours, is_active, actor, now)
insert into engage.frequency_caps (channel, most, window_hours, is_active, updated_at, updated_by)
values (:channel, :most, :window_hours, :is_active, :now, :actor)
on conflict (channel) do update
set most = excluded.most, window_hours = excluded.window_hours, is_active = excluded.is_active,
    updated_at = excluded.updated_at, updated_by = excluded.updated_by;
