"""Triggered messages: one contact, now, by the word of a program or a person; asked twice with one key, sent once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from psycopg import Connection

from activation import guard
from activation.campaigns import audience, commands, runs
from activation.campaigns.audience import Policy
from activation.errors import Refused
from engage_db import named_sql

SQL = named_sql.load(__file__)

MOST_CONTACTS = 1000


@dataclass(frozen=True)
class TriggerReport:
    """The run that was made or found, and what became of each contact: queued, or the reason it was left out."""

    campaign_run_id: int
    key: str
    is_new: bool
    outcome: dict[int, str]


def trigger(
    db: Connection,
    key: str,
    contact_ids: Sequence[int],
    *,
    sender: str,
    provider: str,
    policy: Policy,
    now: datetime,
    trigger_key: str | None = None,
) -> TriggerReport:
    """Queues a triggered campaign's message for some contacts and wakes the worker; a known `trigger_key` queues nothing.

    Raises NotFound for an unknown campaign, Refused when it is not triggered, not launched, or its data cannot be trusted.
    """
    if not 0 < len(contact_ids) <= MOST_CONTACTS:
        raise Refused(f"Name between 1 and {MOST_CONTACTS} contacts.")
    with db.transaction():
        db.execute(SQL.hold_campaign, {"key": key})
        campaign = commands.find(db, key)
        if campaign.kind != "triggered":
            raise Refused(f"{key} is a {campaign.kind} campaign: only one without a segment is triggered.")
        if campaign.state != "scheduled":
            raise Refused(f"{key} is {campaign.state}: launch it to have it triggered.")
        distrust = guard.blocked_by(db, runs.AUDIENCE_SUITES) if campaign.message_class == "marketing" else None
        if blocked := distrust or audience.segments_gone(db, campaign.campaign_id):
            raise Refused(f"Nothing is sent: {blocked}.")
        planned = {"campaign_id": campaign.campaign_id, "trigger_key": trigger_key or str(uuid4()), "now": now}
        made = db.execute(SQL.insert_run, planned).fetchone()
        if made is not None:
            runs.freeze(
                db, campaign.campaign_id, made[0],
                scheduled_for=now, contact_ids=contact_ids, sender=sender, provider=provider, policy=policy, now=now,
            )  # fmt: skip
            db.execute(SQL.open_run, {"campaign_run_id": made[0], "now": now})
            db.execute(SQL.wake)
        run = (
            made
            or db.execute(SQL.find_run, {name: planned[name] for name in ("campaign_id", "trigger_key")}).fetchone()
        )
        assert run is not None
        outcome: dict[int, str] = dict(db.execute(SQL.outcome, {"campaign_run_id": run[0]}).fetchall())
    return TriggerReport(run[0], key, made is not None, outcome)
