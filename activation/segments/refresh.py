"""Membership: each segment's view is compared with its members, and the difference becomes entries and exits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from activation import guard
from activation.errors import NotFound
from activation.segments.kinds.dbt_model import SegmentDefinition
from engage_db import named_sql
from engage_db.pause import pause_point

SQL = named_sql.load(__file__)

INPUT_SUITES = ("contacts", "events")


@dataclass(frozen=True)
class RefreshReport:
    """What a refresh did to one segment; with a `problem` it did nothing and the last good membership stands."""

    key: str
    size: int
    entered: int = 0
    exited: int = 0
    problem: str | None = None


def register(db: Connection, definitions: Sequence[SegmentDefinition], *, now: datetime) -> None:
    """Makes engage.segments list exactly these dbt segments as active. The caller commits.

    A model that is gone keeps its segment row and history, no longer active.
    """
    db.cursor().executemany(
        SQL.register,
        [
            {
                "key": segment.key,
                "title": segment.title,
                "description": segment.description,
                "owner": segment.owner,
                "refresh": segment.refresh,
                "definition": Jsonb({"relation": list(segment.relation), "sql": segment.sql, "file": segment.file}),
                "now": now,
            }
            for segment in definitions
        ],
    )
    db.execute(SQL.retire, {"keys": [segment.key for segment in definitions]})


def refresh(db: Connection, key: str, *, now: datetime) -> RefreshReport:
    """Brings one segment's membership up to its view, in one transaction: all of the difference or none of it.

    A view that is missing or fails, or inputs that did not pass their data tests, keep the last good membership;
    the reason is stored with the segment. Raises NotFound for an unknown key.
    """
    row = db.execute(SQL.find, {"key": key}).fetchone()
    if row is None:
        db.rollback()
        raise NotFound(f"There is no active segment {key}. `engage segment list` shows those there are.")
    segment_id, relation, size = row
    blocked = guard.blocked_by(db, INPUT_SUITES)
    db.rollback()
    if blocked:
        return _keep(db, segment_id, key, size, blocked, now)
    try:
        with db.transaction():
            return _replace(db, segment_id, key, relation, now)
    except psycopg.Error as error:
        first_line = str(error).strip().splitlines()[0]
        return _keep(db, segment_id, key, size, f"its SQL failed: {first_line}", now)


def _replace(db: Connection, segment_id: int, key: str, relation: Sequence[str], now: datetime) -> RefreshReport:
    # one evaluation of the view, so that both halves of the difference see the same set
    db.execute(SQL.lock, {"segment_id": segment_id})
    db.execute(
        sql.SQL(
            "create temp table segment_now on commit drop as select distinct contact_id::bigint from {} "
            "where contact_id is not null"
        ).format(sql.Identifier(*relation))
    )
    db.execute("create unique index on segment_now (contact_id)")
    db.execute("analyze segment_now")
    difference = db.execute(SQL.apply_difference, {"segment_id": segment_id, "now": now}).fetchone()
    assert difference is not None
    entered, exited = difference
    pause_point("membership")
    total = db.execute(
        SQL.record_size, {"segment_id": segment_id, "entered": entered, "exited": exited, "now": now}
    ).fetchone()
    assert total is not None
    return RefreshReport(key, total[0], entered, exited)


def _keep(db: Connection, segment_id: int, key: str, size: int | None, problem: str, now: datetime) -> RefreshReport:
    with db.transaction():
        db.execute(SQL.record_problem, {"segment_id": segment_id, "problem": problem, "now": now})
    return RefreshReport(key, size or 0, problem=problem)
