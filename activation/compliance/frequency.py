"""Frequency caps: how many marketing messages of a channel a person gets in any rolling window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import class_row

from activation.compliance.consent import check_channel
from activation.errors import Refused
from engage_db import named_sql

SQL = named_sql.load(__file__)

LONGEST_WINDOW_HOURS = 366 * 24
MOST = 1000


@dataclass(frozen=True)
class Cap:
    """At most `most` messages in any `window_hours`. Not active: nothing is capped."""

    channel: str
    most: int
    window_hours: int
    is_active: bool
    updated_at: datetime
    updated_by: str


def caps(db: Connection) -> list[Cap]:
    """The caps of all channels that have one."""
    with db.cursor(row_factory=class_row(Cap)) as cursor:
        return cursor.execute(SQL.list_all).fetchall()


def cap_of(db: Connection, channel: str) -> Cap | None:
    """The cap of a channel; None when it has none."""
    with db.cursor(row_factory=class_row(Cap)) as cursor:
        return cursor.execute(SQL.find, {"channel": check_channel(channel)}).fetchone()


def set_cap(
    db: Connection, channel: str, *, most: int, window_hours: int, actor: str, now: datetime, is_active: bool = True
) -> Cap:
    """Sets a channel's cap, for everything that is claimed from now on. Raises Refused for what is no cap."""
    check_channel(channel)
    if not 0 <= most <= MOST:
        raise Refused(f"A cap is between 0 (no marketing at all) and {MOST} messages, not {most}.")
    if not 1 <= window_hours <= LONGEST_WINDOW_HOURS:
        raise Refused(f"A window is between an hour and 366 days, not {window_hours} hours.")
    db.execute(
        SQL.save,
        {
            "channel": channel,
            "most": most,
            "window_hours": window_hours,
            "is_active": is_active,
            "actor": actor,
            "now": now,
        },
    )
    found = cap_of(db, channel)
    assert found is not None
    return found
