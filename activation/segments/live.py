"""Live membership: contacts of whom something has just landed are evaluated against all live segments, in sets.

It reads the newest landed rows through the views of schema `live`, which derive them as the next build will, so it never
waits for a build. One transaction takes the changes, evaluates and writes: killed at any point, nothing is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from psycopg import Connection, Rollback, sql
from psycopg.rows import class_row

from activation import guard
from activation.segments.catalogue import Catalogue
from activation.segments.kinds.contract import Members
from activation.segments.kinds.rule_tree import parse_checked
from activation.segments.order import Refreshable, in_order, waves
from activation.segments.problems import DefinitionRefused
from activation.segments.refresh import INPUT_SUITES, jump, keep
from activation.segments.rules.compile import INSTANT, Compiler, Sources, as_members
from engage_db import named_sql
from engage_db.pause import pause_point

SQL = named_sql.load(__file__)

CHANNEL = "engage_live"
MOST_CONTACTS = 2_000
LANDED = Sources(
    profiles=("pg_temp", "live_profiles"),
    events=("pg_temp", "live_events"),
    members=("pg_temp", "live_members"),
)


@dataclass(frozen=True)
class LiveReport:
    """What one round did. `problems` are segments left alone, by key, with the reason."""

    contacts: int = 0
    entered: int = 0
    exited: int = 0
    problems: Mapping[str, str] | None = None


@dataclass
class Statements:
    """Statements of live segments for a worker to keep: while names, definition and day are the same, only the instant is new."""

    _names: Catalogue | None = None
    _day: date | None = None
    _kept: dict[int, tuple[Mapping[str, Any], Members]] = field(default_factory=dict)

    def of(self, segment: Refreshable, names: Catalogue, now: datetime) -> Members:
        """Its statement at that instant. Raises DefinitionRefused."""
        day = now.astimezone(ZoneInfo(names.time_zone)).date()
        if (names, day) != (self._names, self._day):
            self._names, self._day, self._kept = names, day, {}
        definition, members = self._kept.get(segment.segment_id, (None, None))
        prefix = f"s{segment.segment_id}_"
        if members is None or definition != segment.definition:
            tree = parse_checked(segment.definition, names)
            members = as_members(Compiler(names, now, LANDED).tree(tree), prefix=prefix)
            self._kept[segment.segment_id] = segment.definition, members
        parameters = dict(members.parameters)
        if f"{prefix}{INSTANT}" in parameters:  # not every tree asks what time it is
            parameters[f"{prefix}{INSTANT}"] = now
        return replace(members, parameters=parameters)


def evaluate_changes(
    db: Connection,
    names: Catalogue,
    *,
    now: datetime,
    limit: int = MOST_CONTACTS,
    statements: Statements | None = None,
) -> LiveReport:
    """Takes the contacts that changed longest ago and brings their membership of every live segment up to date.

    Inputs that did not pass their data tests leave the changes waiting. `statements` are kept from round to round.
    """
    if blocked := guard.blocked_by(db, INPUT_SUITES):
        return LiveReport(problems={"all": blocked})
    with db.transaction():
        contacts = [row[0] for row in db.execute(SQL.take_changes, {"limit": limit}).fetchall()]
        if not contacts:
            return LiveReport()
        entered, exited, problems = _evaluate_contacts(db, contacts, names, statements or Statements(), now)
        db.execute(SQL.note_contacts, {"contacts": contacts, "now": now})
        pause_point("live")
    return LiveReport(len(contacts), entered, exited, problems)


def _evaluate_contacts(
    db: Connection, contacts: Sequence[int], names: Catalogue, statements: Statements, now: datetime
) -> tuple[int, int, dict[str, str]]:
    """The membership of these contacts in every live segment, within the caller's transaction."""
    segments, members, problems = _live_segments(db, names, statements, now)
    if not segments:
        return 0, 0, problems
    db.execute(SQL.prepare)
    for name in ("live_profiles", "live_events", "live_members", "live_now"):
        db.execute(sql.SQL("drop table if exists pg_temp.{}").format(sql.Identifier(name)))
    db.execute(SQL.read_events, {"contacts": list(contacts)})
    db.execute(SQL.read_profiles, {"contacts": list(contacts)})
    db.execute(SQL.read_members, {"contacts": list(contacts)})
    db.execute(SQL.index_landed)
    # one wave at a time: a segment sees the others as they are after this round
    for wave in waves(segments):
        db.execute(SQL.lock, {"segments": [segment.segment_id for segment in wave]})
        for start in range(0, len(wave), 25):
            _evaluate(db, wave[start : start + 25], members)
        db.execute(SQL.show_wave_to_the_next, {"segments": [segment.segment_id for segment in wave]})
    # with the locks held: what was edited or deleted before them is not written, an edited one gets everybody at its refresh
    current = {(each.segment_id, each.version) for each in _read(db)}
    moves, held = _move(db, [each for each in segments if (each.segment_id, each.version) in current], contacts, now)
    return sum(entered for _, entered, _ in moves), sum(exited for _, _, exited in moves), problems | held


def _move(
    db: Connection, segments: Sequence[Refreshable], contacts: Sequence[int], now: datetime
) -> tuple[list[tuple[int, int, int]], dict[str, str]]:
    """Size, entries and exits of those that changed. A size that jumps is left for the next build to believe or not."""
    with db.transaction() as attempt:
        moves = _write(db, segments, contacts, now)
        held = {
            each.key: problem
            for each in segments
            if each.segment_id in moves and (problem := jump(each, moves[each.segment_id][0]))
        }
        if held:
            raise Rollback(attempt)
    if held:
        moves = _write(db, [each for each in segments if each.key not in held], contacts, now)
    for each in segments:
        if each.key in held:
            keep(db, each, held[each.key], now)
    return list(moves.values()), held


def _write(
    db: Connection, segments: Sequence[Refreshable], contacts: Sequence[int], now: datetime
) -> dict[int, tuple[int, int, int]]:
    arguments = {"segments": [each.segment_id for each in segments], "contacts": list(contacts), "now": now}
    return {row[0]: (row[1], row[2], row[3]) for row in db.execute(SQL.apply_difference, arguments).fetchall()}


def _evaluate(db: Connection, segments: Sequence[Refreshable], members: Mapping[str, Members]) -> None:
    """All of them in one statement; each keeps its parameters apart by a name of its own."""
    parts: list[sql.Composable] = []
    parameters: dict[str, Any] = {}
    for segment in segments:
        own = members[segment.key]
        parts.append(
            sql.SQL("select {}::bigint, member.contact_id from ({}) as member").format(
                sql.Literal(segment.segment_id), own.statement
            )
        )
        parameters |= own.parameters
    db.execute(
        sql.SQL("insert into pg_temp.live_now (segment_id, contact_id) ") + sql.SQL(" union all ").join(parts),
        parameters,
    )


def _live_segments(
    db: Connection, names: Catalogue, statements: Statements, now: datetime
) -> tuple[list[Refreshable], dict[str, Members], dict[str, str]]:
    found = _read(db)
    members: dict[str, Members] = {}
    problems: dict[str, str] = {}
    for segment in found:
        try:
            members[segment.key] = statements.of(segment, names, now)
        except DefinitionRefused as error:
            problems[segment.key] = str(error)
    return [segment for segment in in_order(found) if segment.key in members], members, problems


def _read(db: Connection) -> list[Refreshable]:
    with db.cursor(row_factory=class_row(Refreshable)) as cursor:
        return cursor.execute(SQL.live_segments).fetchall()


def settle(db: Connection, *, before: datetime) -> None:
    """After a build that began at `before`: what live evaluation saw earlier is in the built tables now."""
    db.execute(SQL.settle, {"before": before})
