"""Notices a database that was restored from a backup: it knows less than this machine has already seen of it.

Beside the data directory lies a file with the database's epoch and the highest batch number seen. A database whose
batches are fewer, or whose epoch is another, would send again what was sent since the backup: every campaign is paused until
a person has looked.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from psycopg import Connection

from engage_db import named_sql

SQL = named_sql.load(__file__)

FILE = "database_seen.json"


@dataclass(frozen=True)
class Seen:
    """What was seen of a database: its epoch, and the number of its newest batch."""

    epoch: str
    batches: int


def check(db: Connection, home: Path, *, now: datetime) -> str | None:
    """Pauses every campaign when the database is older than what was seen of it; returns why. Else notes what it sees."""
    found, seen = _look(db), _recall(home)
    if seen and seen.batches and (found.epoch != seen.epoch or found.batches < seen.batches):
        what = "is another one than before" if found.epoch != seen.epoch else "was restored from a backup"
        reason = (
            f"the database {what}: it knows {found.batches} batches, {seen.batches} were seen. "
            "Compare with the provider, then `engage db confirm-restore` and resume what may go on"
        )
        with db.transaction():
            db.execute(SQL.pause_all, {"reason": reason, "now": now})
        return reason
    note(home, found)
    return None


def confirm(db: Connection, home: Path) -> Seen:
    """A person has looked: this database is the one to go on with. Campaigns stay paused until they are resumed.

    Message numbers go on far beyond those that may have been mailed since the backup.
    """
    with db.transaction():
        db.execute(SQL.skip_numbers)
    found = _look(db)
    _write(home, found)
    return found


def _look(db: Connection) -> Seen:
    with db.transaction():
        row = db.execute(SQL.look).fetchone()
    assert row is not None
    return Seen(str(row[0]), int(row[1]))


def _recall(home: Path) -> Seen | None:
    try:
        return Seen(**json.loads((home / FILE).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def note(home: Path, seen: Seen) -> None:
    """Remembers how far the database has come, unless it was seen further already: then `check` has to say so."""
    known = _recall(home)
    if known is None or not known.batches or (known.epoch == seen.epoch and known.batches < seen.batches):
        _write(home, seen)


def _write(home: Path, seen: Seen) -> None:
    """Whole or not at all: a process that dies here leaves the old file."""
    home.mkdir(parents=True, exist_ok=True)
    fresh = home / f"{FILE}.{os.getpid()}.{threading.get_ident()}"
    fresh.write_text(json.dumps({"epoch": seen.epoch, "batches": seen.batches}))
    fresh.replace(home / FILE)
