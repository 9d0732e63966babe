"""The suites by name: which table each guards. Importing this costs nothing; Great Expectations is loaded when one runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Suite:
    """A table that audiences come from, and the module of this package that says what must hold of it."""

    name: str
    schema: str
    table: str
    asset_key: tuple[str, ...]
    description: str


SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite("contacts", "core", "contacts", ("core", "contacts"), "Contacts are people, once each, with a known consent."),
        Suite("events", "core", "events", ("core", "events"), "The newest events have a person, a name and a time."),
        Suite(
            "segment_members", "engage", "segment_members", ("engage", "segment_members"),
            "Members are contacts, and membership and its history agree.",
        ),
        Suite(
            "campaign_messages", "engage", "campaign_messages", ("engage", "campaign_messages"),
            "Nothing waits to be sent without address, consent or values, or twice to one address.",
        ),
    )
}  # fmt: skip
