"""Why did Ada get it, or not? One sentence, and the facts it rests on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from activation.campaigns import commands
from engage_db import named_sql

SQL = named_sql.load(__file__)

SKIPPED = {
    "no_consent": "there was no consent to marketing mail",
    "suppressed": "the person or the address is suppressed",
    "unsubscribed_topic": "the person left this topic",
    "frequency_cap": "the frequency cap was reached",
    "quiet_hours_expired": "no permitted hour was left before the campaign's deadline",
    "holdout": "the person is in the hold-out, which is measured and never messaged",
    "excluded_segment": "the person is in a segment that the campaign excludes",
    "no_address": "there is no address",
    "invalid_address": "the address cannot be written to",
    "duplicate_address": "somebody else with the same address got it",
    "render_error": "the template does not fit this contact",
    "outside_window": "its turn had not come before the campaign's deadline",
}
STATES = {
    "queued": "It waits to be sent",
    "claimed": "It is on its way to the provider",
    "sent": "The provider took it",
    "delivered": "It was delivered",
    "bounced": "It bounced",
    "cancelled": "The campaign was cancelled before it left",
    "failed": "The provider refused it for good",
    "unknown": "Nobody knows whether the provider took it",
    "dead": "It was tried until there was no sense in trying",
}


@dataclass(frozen=True)
class Why:
    """The answer, and what it rests on."""

    campaign: str
    contact_id: int
    sentence: str
    facts: list[str] = field(default_factory=list)


def why(db: Connection, key: str, contact_id: int, *, now: datetime) -> Why:
    """What became of a contact in a campaign, newest run first. Raises NotFound for an unknown campaign."""
    campaign = commands.find(db, key)
    who = {"campaign_id": campaign.campaign_id, "contact_id": contact_id}
    with db.cursor(row_factory=dict_row) as cursor:
        messages = cursor.execute(SQL.messages, who).fetchall()
    if not messages:
        return Why(key, contact_id, *_never_targeted(db, who))
    facts = [_told(message) for message in messages]
    newest = messages[0]
    facts += [
        f"{_time(occurred_at)}: {event_type} (says {provider})"
        for event_type, occurred_at, provider in db.execute(
            SQL.happened, {"message_id": newest["message_id"]}
        ).fetchall()
    ]
    address = db.execute(SQL.address, {"contact_id": contact_id}).fetchone()
    evidence = {"contact_id": contact_id, "address": address[0] if address else None, "now": now}
    facts += [f"suppression: {row[0]}" for row in db.execute(SQL.evidence, evidence).fetchall()]
    return Why(key, contact_id, _sentence(newest), facts)


def _sentence(message: dict[str, Any]) -> str:
    if message["state"] == "skipped":
        words = f"Left out: {SKIPPED.get(message['reason'], message['reason'])}"
    else:
        words = STATES[message["state"]]
    detail = message["reason_detail"] or message["problem"]
    return f"{words}{f' ({detail})' if detail else ''}."


def _told(message: dict[str, Any]) -> str:
    through = f" through {message['provider']}" if message["provider"] else ""
    consent = f", allowed by {message['consent']}" if message["consent"] else ""
    reason = f" ({message['reason']})" if message["reason"] else ""
    waits = f", due {_time(message['next_attempt_at'])}" if message["state"] == "queued" else ""
    return (
        f"run of {_time(message['scheduled_for'])}: {message['state']}{reason}{through} "
        f"since {_time(message['state_changed_at'])}{waits}{consent}"
    )


def _never_targeted(db: Connection, who: dict[str, Any]) -> tuple[str, list[str]]:
    row = db.execute(SQL.membership, who).fetchone()
    if row is None:
        return "It was never triggered for this contact.", []
    segment, title, entered_at, left_at, snapshot_at = row
    more = [f"`engage segment why {segment} {who['contact_id']}` says which condition decides"]
    if snapshot_at is None:
        inside = "is" if entered_at else "is not"
        return f"The campaign has not run yet; the contact {inside} in its segment {title}.", more
    if entered_at and entered_at > snapshot_at:
        return (
            f"Not targeted: came into the segment {title} at {_time(entered_at)}, after the audience was frozen.",
            more,
        )
    if left_at:
        return f"Not targeted: left the segment {title} at {_time(left_at)}.", more
    return f"Not targeted: was not in the segment {title} when the audience was frozen ({_time(snapshot_at)}).", more


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
