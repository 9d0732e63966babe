"""What providers and recipients tell us about a message: landed as it came, then counted once, in any order.

An event of a message that has no answer yet (queued, claimed) counts at once; what it means for the state waits in
`landing` until our own note of the answer is there, so neither can overwrite the other.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from activation.channels.contract import Outcome
from activation.channels.email.sandbox import STORY_SECONDS, story
from activation.compliance import consent
from activation.errors import Refused
from engage_db import named_sql
from engage_db.settings import Settings, load_settings

SQL = named_sql.load(__file__)
LOG = logging.getLogger("engage.outcomes")

NOTIFICATION = "engage_outcomes"  # on this channel whoever lands something wakes the worker
ROUND = 20_000
RECOGNISED_FOR = timedelta(days=7)  # after sending, an event without our tag still finds its message

# Enhanced status codes by which a receiver says that the sender's own domain fails authentication: RFC 7372 (5.7.20 to 24,
# 5.7.26), Gmail (5.7.26, 27, 30, 32: https://support.google.com/a/answer/3726730), Outlook (5.7.509, 515)
OUR_FAULT = r"(^|[^0-9.])5\.7\.(2[0-4]|26|27|30|32|509|515)([^0-9]|$)"

# Gmail and Yahoo never want to see 0.3 %. Three people, so that one complaint in a small run stops nothing
COMPLAINT_RATE = 0.003
COMPLAINTS_AT_LEAST = 3

ADDRESS = re.compile(r"[^\s<>()\"']+@")


@dataclass(frozen=True)
class Recipient:
    """Whom a message was for, and its topic, if the campaign had one."""

    contact_id: int
    channel: str
    address: str | None
    topic_id: int | None
    topic: str | None


@dataclass(frozen=True)
class _Round:
    taken: int
    counted: int
    soft_bounced: list[int]
    complained: list[int]
    our_fault: dict[str, str]
    unsubscribed: list[dict[str, Any]]
    told: Any


def process(db: Connection, *, now: datetime, settings: Settings | None = None) -> int:
    """Counts the events that landed: an event row each, states forward only, suppressions and guards where asked for.

    Idempotent by the provider's event id, in any order. Returns the number of events counted.
    """
    settings = settings or load_settings()
    counted = 0
    while True:
        with db.transaction():
            db.execute(SQL.one_at_a_time)
            done = _count(db, now)
            _follow(db, done, settings, now)
        counted += done.counted
        if done.taken < ROUND:
            return counted


def land_sandbox_stories(db: Connection, *, seed: int, now: datetime) -> int:
    """Lands what the sandbox made happen up to now to the messages it accepted; returns how many events are new."""
    since = now - timedelta(seconds=STORY_SECONDS)
    with db.transaction():
        sent = db.execute(SQL.sandbox_messages, {"since": since}).fetchall()
        events = [
            {
                "provider": "sandbox",
                "provider_event_id": f"{provider_message_id}/{happening.type}/{happening.number}",
                "type": happening.type,
                "message_id": message_id,
                "provider_message_id": provider_message_id,
                "occurred_at": happening.occurred_at,
                "detail": Jsonb({"bounce": happening.detail} if happening.detail else {}),
                "payload": Jsonb({"simulated": True}),
                "now": now,
            }
            for message_id, provider_message_id, sent_at in sent
            for happening in story(seed, message_id, sent_at)
            if happening.occurred_at <= now
        ]
        cursor = db.cursor()
        cursor.executemany(SQL.land, events)
        return max(cursor.rowcount, 0)


def land(db: Connection, provider: str, told: Outcome, *, message_id: int, now: datetime) -> bool:
    """Lands what a provider told of one of our messages when it was asked; False if it had told it before."""
    known = {"bounce": told.bounce, "words": told.words}
    event = {
        "provider": provider, "provider_event_id": told.event_id, "type": told.type, "message_id": message_id,
        "provider_message_id": told.provider_message_id, "occurred_at": told.occurred_at,
        "detail": Jsonb({name: value for name, value in known.items() if value is not None}),
        "payload": Jsonb(dict(told.payload)), "now": now,
    }  # fmt: skip
    return db.execute(SQL.land, event).rowcount > 0


def recipient(db: Connection, message_id: int) -> Recipient | None:
    """Whom a message was for; None when there is no such message."""
    with db.cursor(row_factory=class_row(Recipient)) as cursor:
        return cursor.execute(SQL.recipient, {"message_id": message_id}).fetchone()


def land_unsubscribe(
    db: Connection, message_id: int, *, everything: bool = False, source: str, proof: Mapping[str, Any], now: datetime
) -> Recipient | None:
    """Acts on a recipient's word that no more such mail is wanted, at once and as often as it is said, and lands the event.

    Ends the topic of the message, or `everything` of its channel; without a topic everything. None for an unknown message.
    """
    with db.transaction():
        person = recipient(db, message_id)
        if person is None:
            return None
        consent.record(
            db, contact_id=person.contact_id, channel=person.channel, topic_id=None if everything else person.topic_id,
            status="unsubscribed", source=source, proof={**proof, "message_id": message_id}, actor="recipient", now=now,
            address=person.address,
        )  # fmt: skip
        land_word_of_recipient(db, message_id, detail={**proof, "source": source}, now=now)
    return person


def land_word_of_recipient(db: Connection, message_id: int, *, detail: Mapping[str, Any], now: datetime) -> None:
    """Lands that the recipient of a message wants less mail, for the figures: once per message, whatever was unticked."""
    db.execute(
        SQL.land,
        {
            "provider": "engage", "provider_event_id": f"unsubscribed/{message_id}", "type": "unsubscribed",
            "message_id": message_id, "provider_message_id": None, "occurred_at": now, "detail": Jsonb(dict(detail)),
            "payload": Jsonb({}), "now": now,
        },
    )  # fmt: skip
    db.execute(SQL.wake_worker)


def _count(db: Connection, now: datetime) -> _Round:
    db.execute(SQL.recognise, {"wide": RECOGNISED_FOR, "now": now})
    db.execute(SQL.leave_alone, {"now": now})
    db.execute(SQL.wake_waiting)
    with db.cursor(row_factory=class_row(_Round)) as cursor:
        done = cursor.execute(SQL.count_landed, {"limit": ROUND, "our_fault": OUR_FAULT, "now": now}).fetchone()
    assert done is not None
    return done


def _follow(db: Connection, done: _Round, settings: Settings, now: datetime) -> None:
    """What the events of a round mean beyond their own message."""
    if done.soft_bounced:
        db.execute(
            SQL.suppress_soft_bounce_runs,
            {
                "contact_ids": done.soft_bounced,
                "most": settings.soft_bounces_before_suppression,
                "days": settings.soft_bounce_suppression_days,
            },
        )
    if done.complained:
        limits = {"least": COMPLAINTS_AT_LEAST, "most_of": COMPLAINT_RATE}
        db.execute(SQL.pause_complained, {"run_ids": done.complained, **limits, "now": now})
    if done.our_fault:
        reasons = [our_fault_in_words(words) for words in done.our_fault.values()]
        runs = [int(run) for run in done.our_fault]
        db.execute(SQL.stop_for_our_fault, {"run_ids": runs, "reasons": reasons, "now": now})
    for told in done.unsubscribed:
        try:
            consent.record(db, **told, topic_id=None, status="unsubscribed", actor="provider", now=now)
        except Refused as problem:  # of a channel without consent of its own: the event is kept all the same
            LOG.warning("An unsubscribe that %s told was only counted: %s", told["source"], problem)


def our_fault_in_words(words: str) -> str:
    """Why a campaign stands still when receivers say that our domain is broken; addresses in their words are cut."""
    said = ADDRESS.sub("…@", words)[:300]
    return f"receivers refuse mail of our own domain (check its SPF, DKIM and DMARC records, then resume): {said}"
