"""Why somebody is in a segment or not: every condition with the value found and its truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import Connection, sql
from sqlalchemy import ColumnElement, Select, Text, case, cast, func, literal_column, null, select

from activation.errors import NotFound
from activation.segments import commands
from activation.segments.catalogue import Catalogue
from activation.segments.kinds.contract import Members, MembersUnavailable
from activation.segments.kinds.registry import KINDS
from activation.segments.kinds.rule_tree import parse_checked
from activation.segments.rules import schema
from activation.segments.rules.compile import Compiler, as_members
from activation.segments.rules.words import in_words
from engage_db import named_sql

SQL = named_sql.load(__file__)


@dataclass(frozen=True)
class Step:
    """A node of the tree: what it asks, whether it is true, the value found, and its parts."""

    where: str
    words: str
    outcome: bool
    found: str | None = None
    steps: list[Step] = field(default_factory=list)


@dataclass(frozen=True)
class Explanation:
    """`is_member` and `member_since` are the membership as it stands; `root` is the definition evaluated now."""

    segment: str
    contact_id: int
    is_member: bool
    member_since: datetime | None
    root: Step

    @property
    def note(self) -> str | None:
        """Why membership and evaluation differ, when they do."""
        if self.is_member == self.root.outcome:
            return None
        coming = "enters" if self.root.outcome else "leaves"
        return f"The definition says otherwise by now: the contact {coming} at the next refresh."


def why(db: Connection, key: str, contact_id: int, *, at: datetime) -> Explanation:
    """Every condition of the segment for one contact. Raises NotFound for an unknown segment or contact."""
    segment = commands.show(db, key)
    if db.execute(SQL.contact, {"contact_id": contact_id}).fetchone() is None:
        raise NotFound(f"There is no contact {contact_id}. `engage contact list` shows those there are.")
    membership = db.execute(SQL.membership, {"segment_id": segment.segment_id, "contact_id": contact_id}).fetchone()
    names = commands.names(db)
    if segment.kind == "rules":
        root = _tree(db, parse_checked(segment.definition, names), names, contact_id, at)
    else:
        root = _whole(db, segment, names, contact_id, at)
    return Explanation(key, contact_id, membership is not None, membership[0] if membership else None, root)


def _tree(db: Connection, tree: schema.RuleTree, names: Catalogue, contact_id: int, at: datetime) -> Step:
    """One statement asks for the truth and the value of every leaf; groups follow from them."""
    compiler = Compiler(names, at)
    places = list(schema.leaves(tree))
    contact = compiler.contacts()
    columns: list[Any] = []
    for number, (_, leaf) in enumerate(places):
        columns.append(
            func.coalesce(compiler.condition(leaf, contact), literal_column("false")).label(f"truth_{number}")
        )
        columns.append(cast(_found(compiler, leaf, contact, contact_id), Text).label(f"found_{number}"))
    answers: dict[str, tuple[bool, str | None]] = {}
    # a SELECT holds 1,664 columns; trees hold up to 1,000 conditions
    for start in range(0, len(columns), 500):
        asked = as_members(
            select(*columns[start : start + 500]).select_from(contact).where(contact.c.contact_id == contact_id)
        )
        row = db.execute(asked.statement, dict(asked.parameters)).fetchone()
        assert row is not None
        for offset in range(0, len(row), 2):
            answers[places[(start + offset) // 2][0]] = (bool(row[offset]), row[offset + 1])
    return _step(tree.where, "where", answers)


def _step(node: Any, path: str, answers: Mapping[str, tuple[bool, str | None]]) -> Step:
    if isinstance(node, schema.And | schema.Or):
        steps = [
            _step(child, f"{path}.conditions[{number}]", answers) for number, child in enumerate(node.conditions, 1)
        ]
        together = all if isinstance(node, schema.And) else any
        return Step(path, in_words(node), together(step.outcome for step in steps), steps=steps)
    if isinstance(node, schema.Not):
        inner = _step(node.condition, f"{path}.condition", answers)
        return Step(path, in_words(node), not inner.outcome, steps=[inner])
    outcome, found = answers[path]
    return Step(path, in_words(node), outcome, found)


def _found(compiler: Compiler, leaf: schema.Leaf, contact: Any, contact_id: int) -> ColumnElement[Any]:
    """The value that decided, as text."""
    if isinstance(leaf, schema.AttributeCondition):
        value = cast(contact.c[leaf.attribute], Text)
        return (
            func.coalesce(value, "not set")
            if leaf.operator != "has_been"
            else _since(compiler, leaf, value, contact_id)
        )
    if isinstance(leaf, schema.BucketCondition):
        return cast(null(), Text)
    if isinstance(leaf, schema.EventCount | schema.EventTime | schema.EventMeasure | schema.EventSequence):
        return _events_found(compiler, leaf, contact_id).scalar_subquery()
    return cast(null(), Text)


def _since(compiler: Compiler, leaf: schema.AttributeCondition, value: Any, contact_id: int) -> ColumnElement[Any]:
    version = compiler.versions(leaf.attribute)
    newest = (
        select(func.max(version.c.valid_from)).where(version.c.contact_id == contact_id, version.c.valid_to.is_(None))
    ).scalar_subquery()
    return func.coalesce(value, "not set") + func.coalesce(
        ", recorded since " + cast(newest, Text), ", not yet recorded"
    )


def _events_found(compiler: Compiler, leaf: Any, contact_id: int) -> Select[Any]:
    event = compiler.events("found")
    conditions = [
        event.c.contact_id == contact_id,
        *compiler.matching(event, leaf.event, leaf.where),
        *compiler.window(event, getattr(leaf, "window", None)),
    ]
    number = cast(func.count(), Text) + case((func.count() == 1, " event"), else_=" events")
    newest = func.coalesce(
        ", the last on "
        + func.to_char(
            func.timezone(compiler.catalogue.time_zone, func.max(event.c.occurred_at)), "YYYY-MM-DD HH24:MI"
        ),
        "",
    )
    if isinstance(leaf, schema.EventTime):
        moment = (func.min if leaf.operator == "first_time" else func.max)(event.c.occurred_at)
        local = func.to_char(func.timezone(compiler.catalogue.time_zone, moment), "YYYY-MM-DD HH24:MI")
        return select(func.coalesce(local, "never")).where(*conditions)
    if isinstance(leaf, schema.EventMeasure):
        value = compiler.measure(event, leaf)
        return select(func.coalesce(cast(value, Text), "not set") + " over " + number).where(*conditions)
    return select(number + newest).where(*conditions)


def _whole(db: Connection, segment: commands.Segment, names: Catalogue, contact_id: int, at: datetime) -> Step:
    """Of the other kinds only the whole can be asked."""
    words = {"dbt": "the dbt model", "sql": "the SQL", "manual": "the list", "function": "the function"}[segment.kind]
    try:
        with db.transaction(force_rollback=True):
            members: Members = KINDS[segment.kind].members(
                db, segment.definition, names, segment_id=segment.segment_id, at=at
            )
            row = db.execute(
                sql.SQL("select exists (select from ({}) as member where member.contact_id = %(the_contact)s)").format(
                    members.statement
                ),
                {**members.parameters, "the_contact": contact_id},
            ).fetchone()
    except MembersUnavailable as error:
        return Step("definition", f"{words} could not be asked: {error}", outcome=False)
    assert row is not None
    return Step("definition", f"{words} names the contact", bool(row[0]))
