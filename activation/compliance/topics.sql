-- name: list_all()
select topic_id, key, name, description, is_active, created_at, created_by from engage.topics order by is_active desc, name, topic_id;

-- name: find(key)
select topic_id, key, name, description, is_active, created_at, created_by from engage.topics where key = :key;

-- name: insert(key, name, description, actor, now)
insert into engage.topics (key, name, description, created_at, created_by)
values (:key, :name, :description, :now, :actor)
on conflict (key) do nothing
returning topic_id;

-- name: update(key, name, description, is_active)
update engage.topics
set name = coalesce(:name, name), description = coalesce(:description, description),
    is_active = coalesce(:is_active, is_active)
where key = :key;
