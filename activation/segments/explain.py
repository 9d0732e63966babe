"""Why somebody is in a segment or not: every condition with the value found and its truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import Connection, sql
from sqlalchemy import Text, cast, func, literal_column, select

from activation.errors import NotFound
from activation.segments import commands
from activation.segments.catalogue import Catalogue
from activation.segments.found import found
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
        root = steps(db, Compiler(names, at), parse_checked(segment.definition, names), contact_id)
    else:
        root = _whole(db, segment, names, contact_id, at)
    return Explanation(key, contact_id, membership is not None, membership[0] if membership else None, root)


def steps(db: Connection, compiler: Compiler, tree: schema.RuleTree, contact_id: int) -> Step:
    """One statement asks for the truth and the value of every leaf; groups follow from them."""
    places = list(schema.leaves(tree))
    contact = compiler.contacts()
    columns: list[Any] = []
    for number, (_, leaf) in enumerate(places):
        columns.append(
            func.coalesce(compiler.condition(leaf, contact), literal_column("false")).label(f"truth_{number}")
        )
        columns.append(cast(found(compiler, leaf, contact, contact_id), Text).label(f"found_{number}"))
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
        parts = [
            _step(child, f"{path}.conditions[{number}]", answers) for number, child in enumerate(node.conditions, 1)
        ]
        together = all if isinstance(node, schema.And) else any
        return Step(path, in_words(node), together(part.outcome for part in parts), steps=parts)
    if isinstance(node, schema.Not):
        inner = _step(node.condition, f"{path}.condition", answers)
        return Step(path, in_words(node), not inner.outcome, steps=[inner])
    outcome, found = answers[path]
    return Step(path, in_words(node), outcome, found)


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
