"""core.events: what people did. Only the newest are looked at; older ones were when they came."""

from __future__ import annotations

from typing import Any

from great_expectations import expectations as gxe

NEWEST = "recorded_at >= now() - interval '2 days'"


def expectations() -> list[Any]:
    """What must hold of the newest events before segments are refreshed."""
    return [
        gxe.UnexpectedRowsExpectation(
            description="there is no event at all",
            unexpected_rows_query="select 1 as nothing where not exists (select from {batch})",
            severity="critical",
        ),
        gxe.UnexpectedRowsExpectation(
            description="without a person, a name or a time",
            unexpected_rows_query=(
                "select event_id from {batch} where "
                f"{NEWEST} and (contact_id is null or event_name is null or occurred_at is null) limit 20"
            ),
            severity="critical",
        ),
        gxe.UnexpectedRowsExpectation(
            description="happened more than a day in the future",
            unexpected_rows_query=f"select event_id from {{batch}} where {NEWEST} and occurred_at > now() + interval '1 day' limit 20",
            severity="warning",
        ),
        gxe.UnexpectedRowsExpectation(
            description="the newest events are mostly of people nobody knows",
            unexpected_rows_query=(
                "select count(*) as events from {batch} event left join core.contacts contact using (contact_id) "
                f"where {NEWEST} having count(*) > 50 and count(contact.contact_id) < count(*) / 2"
            ),
            severity="critical",
        ),
    ]
