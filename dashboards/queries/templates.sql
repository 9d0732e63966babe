-- name: list_all()
select template.key, template.name, template.message_class, newest.version, newest.subject, newest.created_at, newest.created_by,
    (select count(*) from engage.campaigns campaign where campaign.template_id = template.template_id) as campaigns
from engage.message_templates template
join lateral (
    select version, subject, created_at, created_by from engage.template_versions
    where template_id = template.template_id
    order by version desc
    limit 1
) newest on true
where template.channel = 'email'
order by template.name;

-- name: versions(key)
select version.template_version_id, version.version, version.subject, version.preheader, version.body_mjml, version.body_html, version.body_text,
    version.change_note, version.created_at, version.created_by, template.name, template.message_class
from engage.template_versions version
join engage.message_templates template using (template_id)
where template.key = :key
order by version.version desc
limit 100;

-- name: contact(words, segment)
-- whom to look at a mail as: who is named, else the first of the segment, else the first of all
select profile.contact_id, profile.full_name, profile.email
from profiles.contact_profiles profile
where case when :words::text is not null then profile.contact_id::text = :words or profile.email = lower(:words)
    else :segment::text is null or profile.contact_id in (
        select member.contact_id from engage.segment_members member
        join engage.segments segment using (segment_id)
        where segment.key = :segment
        order by member.contact_id
        limit 100
    ) end
order by profile.email is null, profile.contact_id
limit 1;

-- name: newest(key)
select template_version_id, version.subject from engage.template_versions version
join engage.message_templates template using (template_id)
where template.key = :key
order by version.version desc
limit 1;
