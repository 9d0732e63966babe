"""engage.segment_members: who is in a segment now."""

from __future__ import annotations

from typing import Any

from data_tests.rules import rule, twice


def expectations() -> list[Any]:
    """What must hold of membership before an audience is taken from it."""
    return [
        rule(
            "members that are listed twice in a segment: {count}",
            twice("engage.segment_members", "segment_id", "contact_id"),
        ),
        rule(
            # people leave the CRM at any time, and the snapshot skips them; many at once means that something broke,
            # while in a small segment a few are already 1 in 20
            "segments of which more than 20 members, and more than 1 in 20, are no contacts: {sample}",
            """
            select segment.key from engage.segments segment
            join (
                select segment_id, count(*) as strangers from engage.segment_members member
                where not exists (select from core.contacts contact where contact.contact_id = member.contact_id)
                group by segment_id
            ) as found using (segment_id)
            where segment.is_active and segment.problem is null and strangers > greatest(20, 0.05 * (
                select count(*) from engage.segment_members member where member.segment_id = segment.segment_id
            ))
            """,
        ),
        rule(
            "members of segments who are no contacts: {count}; they are left out when an audience is taken",
            """
            select member.contact_id from engage.segment_members member
            join engage.segments segment on segment.segment_id = member.segment_id and segment.is_active
            where not exists (select from core.contacts contact where contact.contact_id = member.contact_id)
            """,
            "warning",
        ),
        rule(
            "segments whose size is not the number of their members: {sample}",
            """
            select segment.key from engage.segments segment
            left join (
                select segment_id, count(*) as members from engage.segment_members group by segment_id
            ) as counted using (segment_id)
            where segment.is_active and coalesce(segment.size, 0) <> coalesce(members, 0)
            """,
        ),
        rule(
            "members whose stay began before their last one was over: {count}",
            """
            select member.contact_id from engage.segment_members member
            join engage.segment_past_stays stay
                on stay.segment_id = member.segment_id and stay.contact_id = member.contact_id
            where stay.exited_at > member.entered_at
            """,
            "warning",
        ),
    ]
