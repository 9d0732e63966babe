-- name: members_then(instant)
create temp table members_then on commit drop as
select segment_id, contact_id
from engage.segment_membership_history
where entered_at <= :instant and (exited_at is null or exited_at > :instant);

-- name: history_began()
select min(recorded_at) from core.contact_history;

-- name: membership_began(segment_id)
select min(measured_at) from engage.segment_sizes where segment_id = :segment_id;
