"""Messages whose fate nobody knows: listed with the provider's words, and sent again only at a person's word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from psycopg import Connection
from psycopg.rows import class_row

from activation.delivery.retry import KEY_MARGIN, LONGEST_KEY
from activation.delivery.settle import KEY_CONFLICT
from engage_db import named_sql

SQL = named_sql.load(__file__)

UNKNOWN_FOR = timedelta(hours=48)
ANOTHER_DAY = timedelta(days=1)


@dataclass(frozen=True)
class DeadLetter:
    """One message that was tried and has no clear outcome."""

    message_id: int
    campaign: str
    contact_id: int
    address: str
    state: str
    reason: str | None
    words: str | None
    provider: str | None
    attempts: int | None
    first_attempt_at: datetime | None
    state_changed_at: datetime


@dataclass
class RequeueReport:
    """How many go again under their old key, which cannot double them, and how many under a new one, which may."""

    same_key: int = 0
    new_key: int = 0
    refused: dict[int, str] = field(default_factory=dict)

    @property
    def requeued(self) -> int:
        """All that go again."""
        return self.same_key + self.new_key


@dataclass(frozen=True)
class _Parked:
    batch_id: int
    provider: str
    first_attempt_at: datetime | None
    state: str
    has_body: bool
    is_cancelled: bool
    wanted: list[int]


def list_dead(db: Connection, *, limit: int = 100, after: int | None = None) -> list[DeadLetter]:
    """Dead and unknown messages, newest first; `after` is the last message_id of the page before."""
    with db.cursor(row_factory=class_row(DeadLetter)) as cursor:
        return cursor.execute(SQL.list_dead, {"most": limit, "after": after}).fetchall()


def requeue(
    db: Connection, message_ids: Sequence[int], *, actor: str, now: datetime, accept_doubles: bool = False
) -> RequeueReport:
    """Sends dead letters again, in one transaction.

    While the provider surely remembers the key, the whole batch goes again under it, with the same bytes: nobody gets it
    twice. Later only with `accept_doubles`, under a new key; without it those are refused, with the reason.
    """
    report = RequeueReport()
    with db.transaction():
        with db.cursor(row_factory=class_row(_Parked)) as cursor:
            parked = cursor.execute(SQL.batches_of, {"message_ids": list(message_ids)}).fetchall()
        going: list[int] = []
        again = {"words": f"requeued by {actor}", "now": now}
        for batch in parked:
            if _key_is_young(batch, now):
                report.same_key += db.execute(SQL.reopen, {"batch_id": batch.batch_id, **again}).rowcount
                going += batch.wanted
            elif batch.is_cancelled:
                words = "its campaign was cancelled, and its key is too old to finish what had begun"
                report.refused |= dict.fromkeys(batch.wanted, words)
            elif accept_doubles:
                report.new_key += db.execute(SQL.queue_anew, {"message_ids": batch.wanted, **again}).rowcount
                going += batch.wanted
            else:
                words = "the provider no longer knows its key, so it may arrive twice: say so to send it all the same"
                report.refused |= dict.fromkeys(batch.wanted, words)
        found = {message_id for batch in parked for message_id in batch.wanted}
        report.refused |= dict.fromkeys(set(message_ids) - found, "it is no dead letter")
        db.execute(SQL.reopen_runs, {"message_ids": going, "deadline_at": now + ANOTHER_DAY, "now": now})
    return report


def settle_unknown(db: Connection, *, now: datetime) -> dict[str, int]:
    """Applies each provider's policy to messages nobody told the fate of for 48 hours; counts them by their new state."""
    with db.transaction():
        rows = db.execute(
            SQL.settle_unknown, {"before": now - UNKNOWN_FOR, "not_this": KEY_CONFLICT, "now": now}
        ).fetchall()
        again = [message_id for message_id, state in rows if state == "queued"]
        if again:
            db.execute(SQL.reopen_runs, {"message_ids": again, "deadline_at": now + ANOTHER_DAY, "now": now})
    return {
        state: sum(row[1] == state for row in rows)
        for state in ("sent", "queued")
        if any(row[1] == state for row in rows)
    }


def _key_is_young(batch: _Parked, now: datetime) -> bool:
    """Dead ones were tried under a key that was believed; an unknown one is so because its key was not."""
    return (
        batch.state == "dead"
        and batch.has_body
        and batch.first_attempt_at is not None
        and now - batch.first_attempt_at < LONGEST_KEY - KEY_MARGIN
    )
