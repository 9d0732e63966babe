"""Membership: who a segment's definition means now is compared with its members, and the difference becomes entries and exits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

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
from activation.segments.order import Refreshable, in_order, waves
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


def register(db: Connection, definitions: Sequence[SegmentDefinition], *, now: datetime) -> None:
    """Lists these dbt segments as active, and leaves all others as they are. A changed model is a new version.

    The caller commits.
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


def retire_all_but(db: Connection, definitions: Sequence[SegmentDefinition]) -> None:
    """Dbt segments whose model is gone are no longer active; they keep their row and history. The caller commits."""
    db.execute(SQL.retire_all_but, {"keys": [segment.key for segment in definitions]})


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
    db: Connection,
    *,
    now: datetime,
    kinds: Sequence[str] | None = None,
    keys: Iterable[str] | None = None,
    beside: Callable[[], Connection] | None = None,
) -> list[RefreshReport]:
    """Refreshes the active segments of these kinds and keys, those that others refer to first, each on its own.

    Conditions that several of them share are evaluated once in a session. `beside` opens a second one, for two segments at
    a time: both commit as they go.
    """
    found = [
        segment for segment in _active(db, None if keys is None else list(keys)) if not kinds or segment.kind in kinds
    ]
    if blocked := guard.blocked_by(db, INPUT_SUITES):
        return [keep(db, segment, blocked, now) for segment in found]
    names = _catalogue(db)
    trees = {segment.key: segment.definition for segment in found if segment.kind == "rules"}
    reports: list[RefreshReport] = []
    with ExitStack() as stack:
        sessions = [db, stack.enter_context(beside())] if beside and len(found) > 1 else [db]
        shared = [stack.enter_context(SharedConditions.of(session, trees, names, at=now)) for session in sessions]
        if len(sessions) > 1:
            stack.enter_context(_without_parallel_plans(sessions))
        helper = stack.enter_context(ThreadPoolExecutor(1))
        for wave in waves(in_order(found)):
            # those that share conditions side by side and taken from both ends: few conditions are evaluated in both sessions
            waiting = deque(sorted(wave, key=lambda segment: shared[0].wanted(segment.key)))
            helping = [helper.submit(_refresh_some, waiting, waiting.pop, other, names, now) for other in shared[1:]]
            done = _refresh_some(waiting, waiting.popleft, shared[0], names, now)
            done += [report for one in helping for report in one.result()]
            reports += sorted(done, key=lambda report: report.key)
    return reports


@contextmanager
def _without_parallel_plans(sessions: Sequence[Connection]) -> Iterator[None]:
    """Of two segments at a time each has a core to itself: the workers of one would only be in the other's way."""
    for session in sessions:
        session.execute("set max_parallel_workers_per_gather = 0")
    try:
        yield
    finally:
        for session in sessions:
            if not session.closed:
                session.execute("reset max_parallel_workers_per_gather")


def _refresh_some(
    waiting: deque[Refreshable],
    take: Callable[[], Refreshable],
    shared: SharedConditions,
    names: Catalogue,
    now: datetime,
) -> list[RefreshReport]:
    """Takes segment after segment until none is left; another session may do the same from the other end."""
    reports: list[RefreshReport] = []
    try:
        while True:
            try:
                segment = take()
            except IndexError:
                return reports
            reports.append(_refresh(shared.db, segment, names, now, shared=shared))
    except BaseException:
        waiting.clear()  # nor does the other one go on
        raise


def _active(db: Connection, keys: list[str] | None) -> list[Refreshable]:
    with db.cursor(row_factory=class_row(Refreshable)) as cursor:
        return cursor.execute(SQL.active, {"keys": keys}).fetchall()


def _current(db: Connection, segment: Refreshable) -> Refreshable | None:
    with db.cursor(row_factory=class_row(Refreshable)) as cursor:
        return cursor.execute(SQL.current, {"segment_id": segment.segment_id}).fetchone()


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
        over_shared = shared.members(segment.key) if shared and segment.key in shared.trees else None
        with db.transaction():
            db.execute(SQL.lock, {"segment_id": segment.segment_id})
            # since it was read, people may have edited or deleted it
            current = _current(db, segment)
            if current is None:
                return RefreshReport(segment.key, 0, problem="it was taken out of use before its refresh began")
            members = over_shared if current.version == segment.version else None
            members = members or KINDS[current.kind].members(
                db, current.definition, names, segment_id=current.segment_id, at=now
            )
            return _replace(db, current, members, now, accept_jump=accept_jump)
    except psycopg.Error as error:
        first_line = str(error).strip().splitlines()[0]
        return keep(db, segment, f"its SQL failed: {first_line}", now)
    except (MembersUnavailable, Refused) as error:
        return keep(db, segment, str(error), now)


def _replace(
    db: Connection, segment: Refreshable, members: Members, now: datetime, *, accept_jump: bool
) -> RefreshReport:
    arguments = {"segment_id": segment.segment_id, "now": now}
    entered, exited = _find_moves(db, segment, members)
    new_size = _one(db, SQL.size, arguments)[0] + entered - exited
    if not accept_jump and segment.version == segment.evaluated_version and (problem := jump(segment, new_size)):
        raise MembersUnavailable(problem)
    if exited:
        db.execute(SQL.leave, arguments)
    if entered:
        db.execute(SQL.enter, arguments)
    pause_point("membership")
    sizes = {"size": new_size, "entered": entered, "exited": exited}
    db.execute(SQL.record_size, {**arguments, **sizes, "version": segment.version})
    if _is_live(segment) and segment.version != segment.evaluated_version:
        db.execute(SQL.ask_live_again, {"now": now})
    return RefreshReport(segment.key, new_size, entered, exited)


def prepare_evaluation(db: Connection) -> None:
    """What a statement over all contacts needs, until the transaction ends."""
    db.execute(SQL.prepare_evaluation)


def _find_moves(db: Connection, segment: Refreshable, members: Members) -> tuple[int, int]:
    """Evaluates the definition, once; how many enter and leave. Who they are stands in segment_moves."""
    prepare_evaluation(db)
    before, after = SQL.find_moves.split("%(people)s")
    statement = sql.SQL(before) + members.people + sql.SQL(after)
    db.execute(statement, {**members.parameters, "segment_id": segment.segment_id, "is_live": _is_live(segment)})
    entered, exited = _one(db, SQL.count_moves, {})
    return entered, exited


def _one(db: Connection, statement: LiteralString, arguments: Mapping[str, Any]) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = db.execute(statement, arguments).fetchone()
    assert row is not None
    return row


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
