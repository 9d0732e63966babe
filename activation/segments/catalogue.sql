-- name: columns(table_schema, table_name)
select a.attname, format_type(a.atttypid, null)
from pg_attribute a
join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = :table_schema and c.relname = :table_name and a.attnum > 0 and not a.attisdropped
order by a.attnum;

-- name: segments()
select key, segment_id, kind, title from engage.segments where is_active order by key;

-- name: campaigns()
select key, campaign_id from engage.campaigns order by key;

-- name: events()
with recursive names as (
    -- one look into the index per name, however many events there are
    (select event_name from core.events order by event_name limit 1)
    union all
    select (select later.event_name from core.events later where later.event_name > names.event_name order by 1 limit 1)
    from names
    where names.event_name is not null
)
select
    names.event_name,
    coalesce(
        (
            select
                jsonb_object_agg(
                    seen.key,
                    case seen.type when 'number' then 'numeric' when 'boolean' then 'boolean' when 'array' then 'array' else 'string' end
                )
            from (
                select property.key, min(jsonb_typeof(property.value)) as type
                from (
                    select properties from core.events newest
                    where newest.event_name = names.event_name
                    order by newest.occurred_at desc
                    limit 200
                ) as sample
                cross join lateral jsonb_each(sample.properties) as property
                where jsonb_typeof(property.value) not in ('null', 'object')
                group by property.key
            ) as seen
        ),
        '{}'
    )
from names
where names.event_name is not null
order by names.event_name;
