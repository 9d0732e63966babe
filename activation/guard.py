"""The guard: audiences are taken only from data whose newest tests passed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from engage_db import named_sql

SQL = named_sql.load(__file__)


def record(
    db: Connection,
    *,
    suite: str,
    passed: bool,
    problem: str | None,
    expectations: int,
    failures: Sequence[dict[str, Any]],
    now: datetime,
) -> None:
    """Notes what a suite of data tests said, in the caller's transaction."""
    db.execute(
        SQL.record,
        {
            "suite": suite,
            "passed": passed,
            "problem": problem,
            "expectations": expectations,
            "failures": Jsonb(list(failures)),
            "now": now,
        },
    )


def blocked_by(db: Connection, suites: Sequence[str]) -> str | None:
    """Why data must not be used, in a sentence; None when the newest result of every suite passed.

    A suite that never ran has not passed.
    """
    row = db.execute(SQL.blocked_by, {"suites": list(suites)}).fetchone()
    if row is None:
        return None
    suite, problem, has_run = row
    if not has_run:
        return f"the data test {suite} has not run yet: `engage run` runs it"
    return f"the data test {suite} failed: {problem}"
