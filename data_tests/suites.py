"""The suites by name, and the table that each guards.

Importing this costs nothing: Great Expectations is loaded when a suite runs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Suite:
    """A table that audiences come from. What must hold of it is said by the module of this package named like it."""

    name: str
    schema: str
    table: str
    key: str  # the column that names a row in samples
    description: str

    @property
    def asset_key(self) -> tuple[str, str]:
        return self.schema, self.table


SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite(
            "contacts", "core", "contacts", "contact_id",
            "Contacts are people, once each, with a known consent.",
        ),
        Suite(
            "events", "core", "events", "event_id",
            "The newest events have a person, a name and a time.",
        ),
        Suite(
            "segment_members", "engage", "segment_members", "contact_id",
            "Members are contacts, and membership and its history agree.",
        ),
        Suite(
            "campaign_messages", "engage", "campaign_messages", "message_id",
            "Nothing waits to be sent without address, consent or values, or twice to one address.",
        ),
    )
}  # fmt: skip
