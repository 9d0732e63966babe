-- name: beat(host, pid, started, now)
insert into engage.service_heartbeats (service, host, pid, started_at, beat_at)
values ('api', :host, :pid, :started, :now)
on conflict (service, host) do update set pid = excluded.pid, started_at = excluded.started_at, beat_at = excluded.beat_at;
