"""Membership: who a segment's definition means now is compared with its members, and the difference becomes entries and exits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from activation import guard
from activation.errors import NotFound, Refused
from activation.segments.catalogue import Catalogue, catalogue
from activation.segments.kinds.contract import Members, MembersUnavailable
from activation.segments.kinds.dbt_model import SegmentDefinition
from activation.segments.kinds.registry import KINDS
from activation.segments.kinds.rule_tree import segments_used
from activation.segments.shared import SharedConditions
from engage_db import named_sql
from engage_db.pause import pause_point
from engage_db.settings import load_settings

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


@dataclass(frozen=True)
class Refreshable:
    """What a refresh needs to know of a segment."""

    segment_id: int
    key: str
    kind: str
    definition: Mapping[str, Any]
    refresh: str
    size: int | None
    version: int
    evaluated_version: int | None
    size_guard: float | None


def register(db: Connection, definitions: Sequence[SegmentDefinition], *, now: datetime) -> None:
    """Makes engage.segments list exactly these dbt segments as active. The caller commits.

    A model that is gone keeps its segment row and history, no longer active. A changed model is a new version.
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


def refresh(
    db: Connection, key: str, *, now: datetime, accept_jump: bool = False, names: Catalogue | None = None
) -> RefreshReport:
    """Brings one segment's membership up to its definition, in one transaction: all of the difference or none of it.

    A definition that fails, a size beyond its guard (unless accepted), or inputs that did not pass their data tests
    keep the last good membership; the reason is stored with the segment. Raises NotFound for an unknown key.
    """
    found = _active(db, [key])
    if not found:
        raise NotFound(f"There is no active segment {key}. `engage segment list` shows those there are.")
    if blocked := guard.blocked_by(db, INPUT_SUITES):
        return keep(db, found[0], blocked, now)
    return _refresh(db, found[0], names or _catalogue(db), now, accept_jump=accept_jump)


def refresh_all(
    db: Connection, *, now: datetime, kinds: Sequence[str] | None = None, keys: Iterable[str] | None = None
) -> list[RefreshReport]:
    """Refreshes the active segments of these kinds and keys, those that others refer to first, each on its own.

    Conditions that several of them share are evaluated once.
    """
    found = [
        segment for segment in _active(db, None if keys is None else list(keys)) if not kinds or segment.kind in kinds
    ]
    if blocked := guard.blocked_by(db, INPUT_SUITES):
        return [keep(db, segment, blocked, now) for segment in found]
    names = _catalogue(db)
    ordered = in_order(found)
    trees = {segment.key: segment.definition for segment in ordered if segment.kind == "rules"}
    with SharedConditions.of(db, trees, names, at=now) as shared:
        return [_refresh(db, segment, names, now, shared=shared) for segment in ordered]


def in_order(segments: Iterable[Refreshable]) -> list[Refreshable]:
    """Those that others refer to first. Raises Refused for a circle, which saving does not let through."""
    by_key = {segment.key: segment for segment in segments}
    uses = {key: _uses(segment) & by_key.keys() for key, segment in by_key.items()}
    try:
        return [by_key[key] for key in TopologicalSorter(uses).static_order()]
    except CycleError as error:
        raise Refused(f"These segments refer to each other in a circle: {' → '.join(error.args[1])}.") from error


def _uses(segment: Refreshable) -> set[str]:
    return segments_used(segment.definition) if segment.kind == "rules" else set()


def _active(db: Connection, keys: list[str] | None) -> list[Refreshable]:
    with db.cursor(row_factory=class_row(Refreshable)) as cursor:
        return cursor.execute(SQL.active, {"keys": keys}).fetchall()


def _catalogue(db: Connection) -> Catalogue:
    return catalogue(db, load_settings().workspace_time_zone)


def _refresh(
    db: Connection,
    segment: Refreshable,
    names: Catalogue,
    now: datetime,
    *,
    accept_jump: bool = False,
    shared: SharedConditions | None = None,
) -> RefreshReport:
    try:
        with db.transaction():
            db.execute(SQL.lock, {"segment_id": segment.segment_id})
            if shared and segment.key in shared.statements:
                members = shared.statements[segment.key]()
            else:
                members = KINDS[segment.kind].members(
                    db, segment.definition, names, segment_id=segment.segment_id, at=now
                )
            return _replace(db, segment, members, now, accept_jump=accept_jump)
    except psycopg.Error as error:
        first_line = str(error).strip().splitlines()[0]
        return keep(db, segment, f"its SQL failed: {first_line}", now)
    except (MembersUnavailable, Refused) as error:
        return keep(db, segment, str(error), now)


def fill_segment_now(db: Connection, members: Members) -> int:
    """Evaluates the statement once into the temporary table segment_now, so that all that follows sees one set."""
    db.execute(SQL.prepare_evaluation)
    each = "select member.contact_id from ({}) as member"
    once = (
        each
        if members.once_each
        else each.replace("select", "select distinct") + " where member.contact_id is not null"
    )
    evaluation = sql.SQL("create temp table segment_now on commit drop as ") + sql.SQL(once).format(members.statement)
    rows = db.execute(evaluation, dict(members.parameters)).rowcount
    db.execute("analyze segment_now")
    return rows


def _replace(
    db: Connection, segment: Refreshable, members: Members, now: datetime, *, accept_jump: bool
) -> RefreshReport:
    new_size = fill_segment_now(db, members)
    if not accept_jump and segment.version == segment.evaluated_version and (problem := jump(segment, new_size)):
        raise MembersUnavailable(problem)
    entered, exited = _move(db, segment, now)
    pause_point("membership")
    total = db.execute(
        SQL.record_size,
        {
            "segment_id": segment.segment_id, "entered": entered, "exited": exited,
            "version": segment.version, "now": now,
        },
    ).fetchone()  # fmt: skip
    assert total is not None
    if _is_live(segment) and segment.version != segment.evaluated_version:
        db.execute(SQL.ask_live_again, {"now": now})
    return RefreshReport(segment.key, total[0], entered, exited)


def _move(db: Connection, segment: Refreshable, now: datetime) -> tuple[int, int]:
    """Entries and exits from what segment_now and the members do not have in common."""
    arguments = {"segment_id": segment.segment_id, "now": now, "is_live": _is_live(segment)}
    if not db.execute(SQL.find_moves, arguments).rowcount:
        return 0, 0
    exited = db.execute(SQL.leave, arguments).rowcount
    if exited:
        db.execute(SQL.close_stays, arguments)
    entered = db.execute(SQL.enter, arguments).rowcount
    if entered:
        db.execute(SQL.open_stays, arguments)
    return entered, exited


def _is_live(segment: Refreshable) -> bool:
    return segment.kind == "rules" and segment.refresh == "live"


def jump(segment: Refreshable, new: int) -> str | None:
    """Why the new size is not believed; None when it is. Small segments may do as they like."""
    settings = load_settings()
    factor = settings.segment_size_guard if segment.size_guard is None else float(segment.size_guard)
    old = segment.size
    if not factor or old is None or max(old, new) < settings.segment_size_guard_from:
        return None
    if old and old / factor <= new <= old * factor and new:
        return None
    if not old:
        return None  # from nobody to somebody is how a segment begins
    return (
        f"its size would go from {old:,} to {new:,}, beyond the guard's factor of {factor:g}; the members stay as they "
        f"were. If the new size is right: `engage segment evaluate {segment.key} --accept-jump`"
    )


def keep(db: Connection, segment: Refreshable, problem: str, now: datetime) -> RefreshReport:
    """Notes why the segment keeps its last good members."""
    with db.transaction():
        db.execute(SQL.record_problem, {"segment_id": segment.segment_id, "problem": problem, "now": now})
    return RefreshReport(segment.key, segment.size or 0, problem=problem)
