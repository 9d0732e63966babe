"""The guard: audiences are taken only from data whose newest tests passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from engage_db import named_sql

SQL = named_sql.load(__file__)


@dataclass(frozen=True)
class Verdict:
    """What the newest run of a suite said. One that never ran has not passed."""

    suite: str
    passed: bool
    problem: str | None
    expectations: int
    checked_at: datetime | None

    @property
    def objection(self) -> str | None:
        """Why its data must not be used, for a marketer; None when it may."""
        if self.passed:
            return None
        if self.checked_at is None:
            return f"the data test {self.suite} has not run yet; run `engage run`"
        return f"the data test {self.suite} failed: {self.problem}"


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
        SQL.insert_result,
        {
            "suite": suite,
            "passed": passed,
            "problem": problem,
            "expectations": expectations,
            "failures": Jsonb(list(failures)),
            "now": now,
        },
    )


def verdicts(db: Connection, suites: Sequence[str]) -> list[Verdict]:
    """The newest verdict of each suite, in their order."""
    with db.cursor(row_factory=class_row(Verdict)) as cursor:
        return cursor.execute(SQL.newest_results, {"suites": list(suites)}).fetchall()


def blocked_by(db: Connection, suites: Sequence[str]) -> str | None:
    """Why data must not be used, in a sentence that names every objection; None when all suites passed."""
    objections = [verdict.objection for verdict in verdicts(db, suites)]
    return "; ".join(objection for objection in objections if objection) or None
