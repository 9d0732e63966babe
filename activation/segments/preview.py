"""A definition looked at before it is saved: how many, how many can be written to, who, by which SQL, and what would change."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg import ClientCursor, Connection, sql
from psycopg.rows import dict_row
from sqlglot import ParseError, transpile

from activation.errors import Refused
from activation.segments import commands
from activation.segments.catalogue import Catalogue
from activation.segments.kinds.contract import Members, MembersUnavailable
from activation.segments.kinds.registry import KINDS
from activation.segments.problems import Problem, refuse_errors
from activation.segments.refresh import prepare_evaluation
from activation.segments.rules import schema
from activation.segments.rules.compile import Compiler, as_members
from activation.segments.rules.validate import property_type
from engage_db import named_sql
from engage_db.settings import load_settings

SQL = named_sql.load(__file__)

TIME_LIMIT = "30s"


@dataclass(frozen=True)
class Preview:
    """`reachable` by mail, as a campaign would count. `cost` is the planner's; `wrong_types` counts events set aside for it."""

    total: int
    reachable: int
    sample: list[dict[str, Any]]
    sql: str
    cost: float | None
    milliseconds: float
    wrong_types: int
    problems: list[Problem] = field(default_factory=list)
    time_zone: str = "UTC"


@dataclass(frozen=True)
class Difference:
    """What saving the definition would do to the membership as it is now."""

    entering: int
    leaving: int
    staying: int
    entering_sample: list[dict[str, Any]]
    leaving_sample: list[dict[str, Any]]


def preview(
    db: Connection, kind: str, definition: Mapping[str, Any], *, at: datetime, sample: int = 10, key: str | None = None
) -> Preview:
    """Evaluates a definition without saving anything. Raises DefinitionRefused, or Refused when it takes too long or fails."""
    problems = commands.validate(db, kind, definition, key=key)
    refuse_errors(problems)
    names = commands.names(db)
    with _evaluated(db, kind, definition, names, at, key) as evaluation:
        total, reachable = _counted(db, SQL.evaluated, {}, at)
        return Preview(
            total=total,
            reachable=reachable,
            sample=_sample(db, SQL.sample, sample),
            sql=evaluation.text,
            cost=evaluation.cost,
            milliseconds=round(evaluation.milliseconds, 1),
            wrong_types=_wrong_types(db, definition, names, at) if kind == "rules" else 0,
            problems=problems,
            time_zone=names.time_zone,
        )


def reachable_members(db: Connection, segment_id: int, *, at: datetime) -> int:
    """How many members of a segment a campaign could write to by mail, as a preview counts them."""
    return _counted(db, SQL.members, {"segment_id": segment_id}, at)[1]


def difference(
    db: Connection, key: str, definition: Mapping[str, Any], *, at: datetime, sample: int = 10
) -> Difference:
    """Who would enter and who would leave if this definition were saved. Raises like preview, and NotFound."""
    segment = commands.show(db, key)
    refuse_errors(commands.validate(db, segment.kind, definition, key=key))
    with _evaluated(db, segment.kind, definition, commands.names(db), at, key):
        arguments = {"segment_id": segment.segment_id}
        entering, leaving, staying = _one(db, SQL.difference, arguments)
        return Difference(
            entering,
            leaving,
            staying,
            entering_sample=_sample(db, SQL.entering, sample, arguments),
            leaving_sample=_sample(db, SQL.leaving, sample, arguments),
        )


def as_text(db: Connection, members: Members) -> str:
    """The statement with its values in their places, laid out for reading."""
    written = ClientCursor(db).mogrify(members.statement, dict(members.parameters))
    try:
        return str(transpile(written, read="postgres", write="postgres", pretty=True)[0])
    except ParseError:
        return written


@dataclass(frozen=True)
class _Evaluation:
    text: str
    cost: float | None
    milliseconds: float


@contextmanager
def _evaluated(
    db: Connection, kind: str, definition: Mapping[str, Any], names: Catalogue, at: datetime, key: str | None
) -> Iterator[_Evaluation]:
    """segment_now filled for the length of the block, and everything undone after it. Raises Refused in its author's words."""
    segment_id = None if key is None else commands.show(db, key).segment_id
    try:
        with db.transaction(force_rollback=True):
            db.execute(sql.SQL("set local statement_timeout = {}").format(TIME_LIMIT))
            began = time.perf_counter()
            members = KINDS[kind].members(db, definition, names, segment_id=segment_id, at=at)
            text = str(definition.get("sql", "")) if kind == "sql" else as_text(db, members)
            cost = _cost(db, members)
            _fill_segment_now(db, members)
            yield _Evaluation(text, cost, (time.perf_counter() - began) * 1000)
    except MembersUnavailable as error:
        raise Refused(str(error)) from error
    except psycopg.errors.QueryCanceled:
        raise Refused(f"This takes longer than {TIME_LIMIT}: narrow it, or save it and let a refresh do it.") from None
    except psycopg.Error as error:
        raise Refused(f"Postgres says: {str(error).strip().splitlines()[0]}") from error


def _fill_segment_now(db: Connection, members: Members) -> None:
    """Evaluates the statement once, so that all that follows sees one set."""
    prepare_evaluation(db)
    evaluation = sql.SQL("create temp table segment_now on commit drop as ") + members.people
    db.execute(evaluation, dict(members.parameters))
    db.execute("analyze segment_now")


def _cost(db: Connection, members: Members) -> float | None:
    row = db.execute(sql.SQL("explain (format json) ") + members.statement, dict(members.parameters)).fetchone()
    return float(row[0][0]["Plan"]["Total Cost"]) if row else None


def _wrong_types(db: Connection, definition: Mapping[str, Any], names: Catalogue, at: datetime) -> int:
    """Events that a condition was about, whose property holds a value of another type than it asks for."""
    tree, _ = schema.parse(definition)
    assert tree is not None
    compiler, found = Compiler(names, at), 0
    for _, leaf in schema.leaves(tree):
        if isinstance(leaf, schema.EventCount | schema.EventTime | schema.EventMeasure | schema.EventSequence):
            asked = [(each.property, property_type(each)) for each in leaf.where]
            if isinstance(leaf, schema.EventMeasure):
                asked.append((leaf.property, "numeric"))
            for name, kind in asked:
                if kind != "any":
                    members = as_members(compiler.of_another_type(leaf, name, kind))
                    found += _one(db, members.statement, dict(members.parameters))[0]
    return found


def _counted(db: Connection, people: LiteralString, arguments: Mapping[str, Any], at: datetime) -> tuple[int, int]:
    """How many people a statement finds, and how many of them can be written to."""
    statement = SQL.count.replace("(%(people)s)", f"({people.rstrip().removesuffix(';')})")
    total, reachable = _one(
        db, statement, {**arguments, "now": at, "unknown_counts": load_settings().unknown_consent_counts}
    )
    return int(total), int(reachable)


def _one(db: Connection, statement: Any, arguments: Mapping[str, Any]) -> Any:
    row = db.execute(statement, arguments).fetchone()
    assert row is not None
    return row


def _sample(
    db: Connection, statement: Any, size: int, arguments: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    with db.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement, {**(arguments or {}), "sample": size}).fetchall()
