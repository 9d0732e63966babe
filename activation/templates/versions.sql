-- name: save(key, name, message_class, subject, preheader, body_mjml, body_html, body_text, tokens, links, change_note, content_sha256, actor, now)
with template as (
    insert into engage.message_templates as stored (key, name, message_class, created_at, created_by)
    values (:key, :name, :message_class, :now, :actor)
    on conflict (key) do update set name = excluded.name
    returning template_id
),
newest as (
    select version.template_version_id, version.version, version.content_sha256
    from engage.template_versions version
    join engage.message_templates stored using (template_id)
    where stored.key = :key
    order by version.version desc
    limit 1
),
added as (
    insert into engage.template_versions
        (template_id, version, subject, preheader, body_mjml, body_html, body_text, tokens, links,
         change_note, content_sha256, created_at, created_by)
    select template_id, coalesce((select version from newest), 0) + 1, :subject, :preheader, :body_mjml, :body_html,
        :body_text, :tokens, :links,
        :change_note, :content_sha256, :now, :actor
    from template
    where not exists (select from newest where newest.content_sha256 = :content_sha256)
    returning template_version_id, version
)
select template_version_id, version, true from added
union all
select template_version_id, version, false from newest where not exists (select from added);

-- name: load(template_version_id)
select template_version_id, key, subject, preheader, body_html, body_text, links
from engage.template_versions
join engage.message_templates using (template_id)
where template_version_id = :template_version_id;

-- name: load_all(template_version_ids)
select template_version_id, key, subject, preheader, body_html, body_text, links
from engage.template_versions
join engage.message_templates using (template_id)
where template_version_id = any(:template_version_ids);

-- name: lock(key)
select pg_advisory_xact_lock(hashtextextended('template ' || :key, 0));

-- name: message_class(key)
select message_class from engage.message_templates where key = :key;

-- name: keys()
select key from engage.message_templates order by key;

-- name: listed()
select template.key, template.name, template.message_class, max(version.version) as version
from engage.message_templates template
join engage.template_versions version using (template_id)
group by template.template_id
order by template.key;

-- name: history(key)
select version.version, version.template_version_id, version.subject, version.change_note, version.created_at,
    version.created_by
from engage.template_versions version
join engage.message_templates template using (template_id)
where template.key = :key
order by version.version desc;

-- name: content(key, version)
select key, name, message_class, version, subject, preheader, body_mjml, body_text
from engage.template_versions
join engage.message_templates using (template_id)
where key = :key and (:version::int is null or version = :version)
order by version desc
limit 1;
