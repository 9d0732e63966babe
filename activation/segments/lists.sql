-- name: make_upload()
drop table if exists pg_temp.upload;
create temp table upload (line bigint, value text, contact_id bigint, found bigint) on commit drop;

-- name: match_contact_id()
update pg_temp.upload
set found = (value ~ '^[0-9]{1,18}$' and exists (
        select from profiles.contact_profiles profile
        where profile.contact_id = case when upload.value ~ '^[0-9]{1,18}$' then upload.value::bigint end
    ))::integer,
    contact_id = case when value ~ '^[0-9]{1,18}$' then value::bigint end;

-- name: match_crm_customer_id()
update pg_temp.upload
set contact_id = matched.contact_id, found = matched.found
from (
    select upload.line, min(profile.contact_id) as contact_id, count(profile.contact_id) as found
    from pg_temp.upload
    left join profiles.contact_profiles profile on profile.crm_customer_id::text = upload.value
    group by upload.line
) as matched
where matched.line = upload.line;

-- name: match_email()
update pg_temp.upload
set contact_id = matched.contact_id, found = matched.found
from (
    select upload.line, min(profile.contact_id) as contact_id, count(profile.contact_id) as found
    from pg_temp.upload
    left join profiles.contact_profiles profile on profile.email = lower(upload.value)
    group by upload.line
) as matched
where matched.line = upload.line;

-- name: put_on(segment_id, actor, now, mode)
with named as (
    select distinct contact_id from pg_temp.upload where found = 1
),
removed as (
    delete from engage.segment_list_entries entry
    where :mode = 'replace' and entry.segment_id = :segment_id
      and not exists (select from named where named.contact_id = entry.contact_id)
    returning 1
),
added as (
    insert into engage.segment_list_entries (segment_id, contact_id, added_at, added_by)
    select :segment_id, contact_id, :now, :actor from named
    on conflict do nothing
    returning 1
)
select
    (select count(*) from added),
    (select count(*) from removed),
    (select count(*) from named) - (select count(*) from added);

-- name: take_off(segment_id, actor, now, mode)
with named as (
    select distinct contact_id from pg_temp.upload
    where found = 1 and :actor::text is not null and :now::timestamptz is not null and :mode::text is not null
),
removed as (
    delete from engage.segment_list_entries entry
    using named
    where entry.segment_id = :segment_id and entry.contact_id = named.contact_id
    returning 1
)
select 0, (select count(*) from removed), 0;

-- name: problems(limit)
select
    line,
    value,
    case
        when value = '' then 'is empty'
        when found > 1 then 'is the address of ' || found || ' contacts: name the contact by contact_id'
        else 'is no contact'
    end
from pg_temp.upload
where found is distinct from 1
order by line
limit :limit;
