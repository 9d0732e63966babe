"""Consent: what people decided, with proof, and what follows from it.

The rule, here and in `states` of consent.sql: an explicit opt-in is `subscribed`; of the decisions about a topic and about
its whole channel the newest wins; without any the CRM's flag says; else it is `unknown`. A flag that turned to unsubscribed
after an opt-in overrules it; one that turned to subscribed never overrules what a person decided here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from activation.errors import NotFound, Refused
from engage_db import named_sql

SQL = named_sql.load(__file__)

CHANNELS = ("email", "sms", "whatsapp")
LARGEST_PROOF = 20_000
Status = Literal["subscribed", "unsubscribed"]


@dataclass(frozen=True)
class ConsentState:
    """What holds for a channel as a whole (no topic) or for one topic of it.

    `decided_by` is suppression, record, crm or nothing; `on_record` is the newest recorded decision, whatever decided.
    `held_by` is the reason that keeps messages away in spite of consent.
    """

    contact_id: int
    channel: str
    topic_id: int | None
    topic: str | None
    status: Literal["subscribed", "unsubscribed", "unknown"]
    decided_by: Literal["suppression", "record", "crm", "nothing"]
    decided_at: datetime | None
    source: str | None
    on_record: Status | None
    held_by: str | None

    def allows(self, *, unknown_counts: bool) -> bool:
        """Whether a marketing message may go."""
        consented = self.status == "subscribed" or (unknown_counts and self.status == "unknown")
        return consented and self.held_by is None


@dataclass(frozen=True)
class ConsentRecord:
    """One decision and its proof."""

    consent_record_id: int
    channel: str
    topic: str | None
    status: Status
    occurred_at: datetime
    recorded_at: datetime
    source: str
    proof: dict[str, Any]
    recorded_by: str


def record(
    db: Connection,
    *,
    contact_id: int,
    channel: str,
    topic_id: int | None,
    status: Status,
    source: str,
    proof: Mapping[str, object],
    actor: str,
    now: datetime,
    occurred_at: datetime | None = None,
    address: str | None = None,
) -> None:
    """Notes a decision and adds or lifts the suppression that follows from it, in the caller's transaction.

    `proof` is what was shown and from where: wording, ip, agent, message_id; an opt-in without any is Refused.
    `occurred_at` is for decisions that were taken earlier than they are recorded; they overrule nothing that is newer.
    `address` is the mailbox that spoke, as a link in an old mail knows it: the decision holds there and at the person's own.
    """
    _check(db, contact_id, channel, topic_id, status, source, proof)
    decided_at = occurred_at or now
    if decided_at > now:
        raise Refused(f"A decision of {decided_at:%Y-%m-%d %H:%M} UTC lies in the future: give when it was taken.")
    db.execute(SQL.lock, {"contact_id": contact_id})
    arguments = {
        "contact_id": contact_id, "channel": channel, "topic_id": topic_id, "status": status, "source": source.strip(),
        "proof": as_proof(proof), "actor": actor, "now": now, "occurred_at": decided_at,
        "addresses": _distinct(address_of(db, contact_id, channel), address),
    }  # fmt: skip
    row = db.execute(SQL.insert_record, arguments).fetchone()
    assert row is not None
    if status == "subscribed":
        db.execute(SQL.lift, {**arguments, "consent_record_id": row[0]})
    else:
        evidence = {**proof, "consent_record_id": row[0]}
        db.execute(SQL.suppress, {**arguments, "evidence": as_proof(evidence)})


def state_of(db: Connection, contact_id: int, *, now: datetime | None = None) -> list[ConsentState]:
    """What holds for a person in every channel: as a whole first, then for each topic in use."""
    return states(db, [contact_id], now=now)


def states(
    db: Connection, contact_ids: list[int], *, channels: tuple[str, ...] = CHANNELS, now: datetime | None = None
) -> list[ConsentState]:
    """The same for many people in one statement. Without `now` suppressions expire by the database's clock."""
    with db.cursor(row_factory=class_row(ConsentState)) as cursor:
        arguments = {"contact_ids": contact_ids, "channels": list(channels), "now": now}
        return cursor.execute(SQL.states, arguments).fetchall()


def history(db: Connection, contact_id: int) -> list[ConsentRecord]:
    """Every decision of a person that is on record, newest first."""
    with db.cursor(row_factory=class_row(ConsentRecord)) as cursor:
        return cursor.execute(SQL.history, {"contact_id": contact_id}).fetchall()


def address_of(db: Connection, contact_id: int, channel: str) -> str | None:
    """Where a person is written to: as the CRM says, else where their last message went."""
    row = db.execute(SQL.address_of, {"contact_id": contact_id, "channel": channel}).fetchone()
    return row[0] if row else None


def as_proof(proof: Mapping[str, object]) -> Jsonb:
    """What is kept as proof or evidence. Raises Refused for what no record can hold."""
    try:
        written = json.dumps(dict(proof), allow_nan=False, default=str)
    except (ValueError, RecursionError):
        raise Refused("Proof is text, numbers and lists of them: this holds something else.") from None
    if len(written) > LARGEST_PROOF or "\\u0000" in written:
        raise Refused(f"Proof is at most {LARGEST_PROOF:,} characters of text, without NUL.")
    return Jsonb(dict(proof), dumps=lambda _: written)


def check_channel(channel: str) -> str:
    """The channel itself. Raises Refused for one that there is not."""
    if channel not in CHANNELS:
        raise Refused(f"There is no channel {channel!r}: choose {', '.join(CHANNELS)}.")
    return channel


def _distinct(*addresses: str | None) -> list[str | None]:
    """Each address once; where none is known the unknown one, so that the person is held all the same."""
    return list(dict.fromkeys(address for address in addresses if address)) or [None]


def _check(
    db: Connection,
    contact_id: int,
    channel: str,
    topic_id: int | None,
    status: str,
    source: str,
    proof: Mapping[str, object],
) -> None:
    check_channel(channel)
    if contact_id <= 0:
        raise Refused("Consent is a person's: give a contact. An address alone can be suppressed.")
    if status not in ("subscribed", "unsubscribed"):
        raise Refused(f"A decision is subscribed or unsubscribed, not {status!r}.")
    if not source.strip():
        raise Refused("Say where the decision comes from, such as preference_centre, import or person.")
    if status == "subscribed" and not proof:
        raise Refused("An opt-in needs its proof: the wording that was agreed to, and from where.")
    if topic_id is not None:
        row = db.execute(SQL.topic_exists, {"topic_id": topic_id}).fetchone()
        if not row or not row[0]:
            raise NotFound(f"There is no topic number {topic_id}: `engage topic list` shows them.")
