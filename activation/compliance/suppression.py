"""Suppressions: who must not be written to, why, since when, and who ended it.

A bounce, an invalid address and a provider's own list are about an address; a complaint, an unsubscription, a person's word
and an erasure about the person and the address. One that expired or was lifted no longer holds; nothing has to run for that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from activation.compliance import consent
from activation.errors import NotFound, Refused
from engage_db import named_sql
from engage_db.tables.compliance import SUPPRESSION_REASONS

SQL = named_sql.load(__file__)

REASONS_OF_ADDRESSES = ("hard_bounce", "soft_bounce_run", "invalid_address", "provider_suppressed")
PROGRAMS = ("api", "worker", "recipient", "system")  # actors that are nobody, so they lift no complaint
DIGITS_OF_A_BIGINT = 18
LONGEST_ADDRESS = 254

_MAIL = re.compile(
    r"[^\s@,;<>\"()]+@[a-z0-9-]+(\.[a-z0-9-]+)+"
)  # loose on purpose: what is no address now may be suppressed
_PHONE = re.compile(r"\+?[0-9]{5,15}")


@dataclass(frozen=True)
class Suppression:
    """One entry of the list. `contact_id` 0: the address alone. `holds` says whether it keeps messages away now."""

    suppression_id: int
    contact_id: int
    channel: str
    topic: str | None
    address: str | None
    reason: str
    source: str
    evidence: dict[str, Any]
    created_at: datetime
    expires_at: datetime | None
    lifted_at: datetime | None
    lifted_by: str | None
    lifted_because: str | None
    holds: bool


@dataclass(frozen=True)
class Added:
    """Where it stands on the list; `changed` is false when it held before."""

    suppression_id: int
    changed: bool


def add(
    db: Connection,
    *,
    channel: str,
    reason: str,
    source: str,
    evidence: Mapping[str, object],
    actor: str,
    now: datetime,
    address: str | None = None,
    contact_id: int | None = None,
    topic_id: int | None = None,
    expires_at: datetime | None = None,
) -> Added:
    """Puts an address, or a person with their address, on the list, in the caller's transaction. Safe to repeat.

    Raises Refused for what cannot be a suppression.
    """
    consent.check_channel(channel)
    check_reason(reason)
    if (reason == "unsubscribed_topic") != (topic_id is not None):
        raise Refused("Give a topic with unsubscribed_topic, and with no other reason.")
    if contact_id is not None and contact_id <= 0:
        raise Refused(f"There is no contact {contact_id}: numbers of contacts are positive.")
    where = normal_address(address, channel) if address else None
    if where is None and contact_id:
        where = consent.address_of(db, contact_id, channel)
    if where is None and (contact_id is None or reason in REASONS_OF_ADDRESSES):
        raise Refused(f"{reason} needs an address: give one, or a contact that has one for {channel}.")
    arguments = {
        "contact_id": contact_id or 0, "channel": channel, "topic_id": topic_id, "address": where, "reason": reason,
        "source": source, "evidence": consent.as_proof({**evidence, "by": actor}), "created_at": now, "expires_at": expires_at,
    }  # fmt: skip
    row = db.execute(SQL.hold, arguments).fetchone()
    if row is not None:
        return Added(row[0], changed=True)
    row = db.execute(SQL.same, arguments).fetchone()
    assert row is not None
    return Added(row[0], changed=False)


def lift(db: Connection, suppression_id: int, *, actor: str, because: str, now: datetime) -> None:
    """Ends a suppression, with the reason in words, in the caller's transaction. It stays on the list as history.

    Raises NotFound, and Refused without words, for one that was lifted before, or for a complaint that no person lifts.
    """
    row = db.execute(SQL.lock_one, {"suppression_id": suppression_id}).fetchone()
    if row is None:
        raise NotFound(f"There is no suppression number {suppression_id}: `engage suppression list` shows them.")
    reason, lifted_at, lifted_by = row
    if lifted_at is not None:
        raise Refused(f"Suppression {suppression_id} was lifted on {lifted_at:%Y-%m-%d} by {lifted_by} already.")
    if reason == "complaint" and actor.split(":", 1)[0] in PROGRAMS:
        raise Refused("A complaint is lifted by a person only: use the screen or `engage suppression lift`.")
    if not re.search(r"\w{2}", because):
        raise Refused(f"Say in words why the {reason.replace('_', ' ')} is lifted; it is kept beside it.")
    db.execute(SQL.lift, {"suppression_id": suppression_id, "actor": actor, "because": because.strip(), "now": now})


def search(
    db: Connection,
    text: str | None = None,
    reason: str | None = None,
    limit: int = 100,
    after: int | None = None,
    *,
    channel: str | None = None,
    held_only: bool = False,
    now: datetime,
) -> list[Suppression]:
    """The list, newest first: by the beginning of an address or a contact's number. `after` is the last id of the page before."""
    if reason is not None:
        check_reason(reason)
    wanted = text.strip() if text else None
    is_number = bool(wanted) and str(wanted).isascii() and str(wanted).isdigit()
    arguments = {
        "text": wanted or None, "reason": reason, "channel": channel, "held_only": held_only, "after": after,
        "contact_id": int(str(wanted)) if is_number and len(str(wanted)) <= DIGITS_OF_A_BIGINT else None,
        "limit": limit, "now": now,
    }  # fmt: skip
    with db.cursor(row_factory=class_row(Suppression)) as cursor:
        return cursor.execute(SQL.search, arguments).fetchall()


def of_contact(db: Connection, contact_id: int, *, now: datetime) -> list[Suppression]:
    """Those of a person and of their address, also the lifted and the expired, newest first; `holds` is about this person."""
    arguments = {"contact_id": contact_id, "reasons_of_addresses": list(REASONS_OF_ADDRESSES), "now": now}
    with db.cursor(row_factory=class_row(Suppression)) as cursor:
        return cursor.execute(SQL.of_contact, arguments).fetchall()


def check_reason(reason: str) -> str:
    """The reason itself. Raises Refused for one that there is not."""
    if reason not in SUPPRESSION_REASONS:
        raise Refused(f"There is no reason {reason!r}: choose {', '.join(SUPPRESSION_REASONS)}.")
    return reason


def normal_address(address: str, channel: str) -> str:
    """An address as it is compared. Raises Refused for what is none."""
    if channel == "email":
        found = address.strip().lower()
        if len(found) > LONGEST_ADDRESS or not _MAIL.fullmatch(found):
            raise Refused("That is no mail address: it looks like name@company.com.")
        return found
    found = re.sub(r"[\s()./-]", "", address)
    if not _PHONE.fullmatch(found):
        raise Refused("That is no telephone number: write it like +390612345678.")
    return found
