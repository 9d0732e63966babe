-- name: contact(contact_id)
select contact_id from profiles.contact_profiles where contact_id = :contact_id;

-- name: membership(segment_id, contact_id)
select entered_at from engage.segment_members where segment_id = :segment_id and contact_id = :contact_id;
