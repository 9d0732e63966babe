"""engage.segment_members: who is in a segment now."""

from __future__ import annotations

from typing import Any

from great_expectations import expectations as gxe


def expectations() -> list[Any]:
    """What must hold of membership before an audience is taken from it."""
    return [
        gxe.UnexpectedRowsExpectation(
            description="members that no open stay in the history tells of, or the other way round",
            unexpected_rows_query=(
                "select coalesce(member.segment_id, stay.segment_id) as segment_id, "
                "coalesce(member.contact_id, stay.contact_id) as contact_id from {batch} member "
                "full join (select segment_id, contact_id from engage.segment_membership_history where exited_at is null) stay "
                "on stay.segment_id = member.segment_id and stay.contact_id = member.contact_id "
                "where member.contact_id is null or stay.contact_id is null limit 20"
            ),
            severity="critical",
        ),
        gxe.UnexpectedRowsExpectation(
            description="members who are no contacts, in a segment that was refreshed after the contacts were",
            unexpected_rows_query=(
                "select member.segment_id, count(*) as strangers from {batch} member "
                "join engage.segments segment on segment.segment_id = member.segment_id and segment.problem is null and segment.is_active "
                "left join core.contacts contact on contact.contact_id = member.contact_id "
                "group by member.segment_id having count(*) filter (where contact.contact_id is null) > 0 limit 20"
            ),
            severity="critical",
        ),
    ]
