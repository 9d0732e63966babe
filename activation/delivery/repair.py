"""The hourly repair: of messages whose events never came, the provider is asked what became of them.

A webhook may be lost when we are down for longer than the provider goes on trying, or was never set up. What is asked for
lands like everything else that a provider tells, and is counted by `outcomes.process`; when the webhook comes after all, the
message's state and rates stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Connection

from activation.channels.contract import StatusReader, StatusUnavailable
from activation.delivery import outcomes
from engage_db import named_sql

SQL = named_sql.load(__file__)

AFTER = timedelta(hours=1)  # until then the webhook may still be under way
UNTIL = timedelta(days=3)
MOST = 100  # messages that one run asks about
SHARE = 0.5  # of the provider's pace: the rest belongs to sending


@dataclass(frozen=True)
class RepairReport:
    """Messages asked about, outcomes that were news, and why it ended early, in the provider's words."""

    asked: int = 0
    landed: int = 0
    problem: str | None = None


def repair(
    db: Connection,
    provider: str,
    reader: StatusReader,
    *,
    now: datetime,
    wait: Callable[[float], object],
    most: int = MOST,
) -> RepairReport:
    """Asks about at most `most` messages, at half the provider's pace, and lands each answer by itself.

    Ends at the first question that is not answered, or when `wait` returns true. Does nothing while another process asks. Each
    answer is kept by itself where `db` commits by itself.
    """
    row = db.execute(SQL.take_turn, {"provider": provider}).fetchone()
    if row is None or not row[0]:
        return RepairReport()
    try:
        return _ask(db, provider, reader, now=now, wait=wait, most=most)
    finally:
        db.execute(SQL.end_turn, {"provider": provider})


def _ask(
    db: Connection, provider: str, reader: StatusReader, *, now: datetime, wait: Callable[[float], object], most: int
) -> RepairReport:
    span = {"sent_after": now - UNTIL, "sent_before": now - AFTER, "round": int(now.timestamp() // 3600)}
    unheard = db.execute(SQL.unheard, {"provider": provider, "most": most, **span}).fetchall()
    asked = landed = 0
    for message_id, provider_message_id in unheard:
        if asked and wait(1 / (SHARE * reader.requests_per_second)):
            break
        try:
            told = reader.last_word(provider_message_id, now=now)
        except StatusUnavailable as problem:
            return RepairReport(asked, landed, str(problem))
        asked += 1
        if told is not None:
            landed += outcomes.land(db, provider, told, message_id=message_id, now=now)
    return RepairReport(asked, landed)
