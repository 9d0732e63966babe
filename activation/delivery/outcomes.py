"""What providers and recipients tell us about a message: landed as it came, then counted once, in any order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Connection
from psycopg.types.json import Jsonb

from activation.channels.email.sandbox import STORY_SECONDS, story
from engage_db import named_sql

SQL = named_sql.load(__file__)


@dataclass(frozen=True)
class OutcomesReport:
    """Events that landed, and events that were counted."""

    landed: int
    counted: int


def process(db: Connection, *, now: datetime) -> int:
    """Counts the events that landed: an event row each, states forward only, suppressions where asked for.

    Idempotent by the provider's event id. Returns the number of events counted.
    """
    with db.transaction():
        row = db.execute(SQL.process, {"now": now}).fetchone()
    return int(row[0]) if row else 0


def land_sandbox_stories(db: Connection, *, seed: int, now: datetime) -> int:
    """Lands what the sandbox made happen up to now to the messages it accepted; returns how many events are new."""
    since = now - timedelta(seconds=STORY_SECONDS)
    with db.transaction():
        sent = db.execute(SQL.sandbox_messages, {"since": since}).fetchall()
        events = [
            {
                "provider_event_id": f"{provider_message_id}/{happening.type}/{happening.number}",
                "type": happening.type,
                "message_id": message_id,
                "provider_message_id": provider_message_id,
                "occurred_at": happening.occurred_at,
                "payload": Jsonb(
                    {"simulated": True, "bounce": happening.detail} if happening.detail else {"simulated": True}
                ),
                "now": now,
            }
            for message_id, provider_message_id, sent_at in sent
            for happening in story(seed, message_id, sent_at)
            if happening.occurred_at <= now
        ]
        cursor = db.cursor()
        cursor.executemany(SQL.land, [{**event, "provider": "sandbox"} for event in events])
        return max(cursor.rowcount, 0)


def land_unsubscribe(db: Connection, message_id: int, *, source: str, now: datetime) -> bool:
    """Lands a recipient's word that no more mail is wanted, and acts on it at once. False for an unknown message."""
    with db.transaction():
        known = db.execute(
            SQL.land_unsubscribe, {"message_id": message_id, "payload": Jsonb({"source": source}), "now": now}
        )
        if known.rowcount == 0:
            return False
    process(db, now=now)
    return True
