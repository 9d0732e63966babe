"""Conditions that several segments of one refresh have in common, evaluated once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from psycopg import Connection, sql

from activation.segments.catalogue import Catalogue
from activation.segments.kinds.contract import Members
from activation.segments.kinds.rule_tree import parse_checked
from activation.segments.problems import DefinitionRefused
from activation.segments.rules import schema
from activation.segments.rules.compile import Compiler, as_members, leaf_key

WORTH_SHARING = (schema.EventCount, schema.EventTime, schema.EventMeasure, schema.EventSequence, schema.FunnelCondition)


@dataclass(frozen=True)
class SharedConditions:
    """Temporary tables of the session, by condition, and the statement of each tree that uses them."""

    statements: Mapping[str, Callable[[], Members]] = field(default_factory=dict)

    @staticmethod
    @contextmanager
    def of(
        db: Connection, definitions: Mapping[str, Mapping[str, Any]], names: Catalogue, *, at: datetime
    ) -> Iterator[SharedConditions]:
        """Evaluates what at least two of the trees ask; the tables are gone afterwards. Trees with errors are left out."""
        trees = _parsed(definitions, names)
        wanted: dict[str, schema.Leaf] = {}
        counted: Counter[str] = Counter()
        for tree in trees.values():
            asked = {leaf_key(leaf): leaf for _, leaf in schema.leaves(tree) if isinstance(leaf, WORTH_SHARING)}
            counted.update(asked.keys())
            wanted |= asked
        compiler = Compiler(names, at)
        tables = {
            key: f"shared_condition_{number}"
            for number, (key, times) in enumerate(sorted(counted.items()))
            if times > 1 and compiler.people(wanted[key]) is not None
        }
        try:
            for key, name in tables.items():
                _evaluate(db, name, compiler, wanted[key])
            with_tables = Compiler(names, at, shared=tables)
            yield SharedConditions({key: partial(_statement, with_tables, tree) for key, tree in trees.items()})
        finally:
            if not db.closed:
                for name in tables.values():
                    db.execute(sql.SQL("drop table if exists pg_temp.{}").format(sql.Identifier(name)))


def _parsed(definitions: Mapping[str, Mapping[str, Any]], names: Catalogue) -> dict[str, schema.RuleTree]:
    trees = {}
    for key, definition in definitions.items():
        try:
            trees[key] = parse_checked(definition, names)
        except DefinitionRefused:
            continue  # its own refresh says what is wrong with it
    return trees


def _statement(compiler: Compiler, tree: schema.RuleTree) -> Members:
    return as_members(compiler.tree(tree))


def _evaluate(db: Connection, name: str, compiler: Compiler, leaf: schema.Leaf) -> None:
    people = compiler.people(leaf)
    assert people is not None
    members = as_members(people[0])
    with db.transaction():
        db.execute("select set_config('work_mem', '256MB', true), set_config('jit', 'off', true)")
        db.execute(
            sql.SQL("create temp table {} as select distinct contact_id from ({}) as people").format(
                sql.Identifier(name), members.statement
            ),
            dict(members.parameters),
        )
        db.execute(sql.SQL("analyze {}").format(sql.Identifier(name)))
