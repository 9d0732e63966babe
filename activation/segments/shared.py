"""Conditions that several segments of one refresh have in common, evaluated once in a session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from psycopg import Connection, sql

from activation.segments.catalogue import Catalogue
from activation.segments.kinds.contract import Members
from activation.segments.kinds.rule_tree import parse_checked
from activation.segments.problems import DefinitionRefused
from activation.segments.rules import schema
from activation.segments.rules.compile import Compiler, as_members, leaf_key

WORTH_SHARING = (schema.EventCount, schema.EventTime, schema.EventMeasure, schema.EventSequence, schema.FunnelCondition)


@dataclass
class SharedConditions:
    """Of one session: conditions that at least two trees ask, in temporary tables, each evaluated when it is first wanted."""

    db: Connection
    trees: Mapping[str, schema.RuleTree]
    compiler: Compiler
    shared: Mapping[str, schema.Leaf]
    tables: dict[str, str] = field(default_factory=dict)

    @staticmethod
    @contextmanager
    def of(
        db: Connection, definitions: Mapping[str, Mapping[str, Any]], names: Catalogue, *, at: datetime
    ) -> Iterator[SharedConditions]:
        """For these trees; those with errors are left out. The tables are gone afterwards."""
        trees, compiler = _parsed(definitions, names), Compiler(names, at)
        wanted: dict[str, schema.Leaf] = {}
        counted: Counter[str] = Counter()
        for tree in trees.values():
            asked = _asked(tree)
            counted.update(asked.keys())
            wanted |= asked
        shared = {
            key: wanted[key] for key, times in counted.items() if times > 1 and compiler.people(wanted[key]) is not None
        }
        conditions = SharedConditions(db, trees, compiler, shared)
        try:
            yield conditions
        finally:
            conditions.drop()

    def wanted(self, key: str) -> list[str]:
        """The conditions that a tree shares with others, in an order of their own."""
        return sorted(_asked(self.trees[key]).keys() & self.shared.keys()) if key in self.trees else []

    def members(self, key: str) -> Members:
        """The statement of a tree, over the tables of what it shares with others."""
        own = self.wanted(key)
        for condition in own:
            if condition not in self.tables:
                self._evaluate(condition)
        with_tables = replace(self.compiler, shared={condition: self.tables[condition] for condition in own})
        return as_members(with_tables.tree(self.trees[key]))

    def drop(self) -> None:
        if not self.db.closed:
            for name in self.tables.values():
                self.db.execute(sql.SQL("drop table if exists pg_temp.{}").format(sql.Identifier(name)))

    def _evaluate(self, condition: str) -> None:
        people = self.compiler.people(self.shared[condition])
        assert people is not None
        members = as_members(people[0])
        name = f"shared_condition_{len(self.tables)}"
        with self.db.transaction():
            self.db.execute("select set_config('work_mem', '256MB', true), set_config('jit', 'off', true)")
            self.db.execute(
                sql.SQL("create temp table {} as select distinct contact_id from ({}) as people").format(
                    sql.Identifier(name), members.statement
                ),
                dict(members.parameters),
            )
            self.db.execute(sql.SQL("analyze {}").format(sql.Identifier(name)))
        self.tables[condition] = name


def _asked(tree: schema.RuleTree) -> dict[str, schema.Leaf]:
    return {leaf_key(leaf): leaf for _, leaf in schema.leaves(tree) if isinstance(leaf, WORTH_SHARING)}


def _parsed(definitions: Mapping[str, Mapping[str, Any]], names: Catalogue) -> dict[str, schema.RuleTree]:
    trees = {}
    for key, definition in definitions.items():
        try:
            trees[key] = parse_checked(definition, names)
        except DefinitionRefused:
            continue  # its own refresh says what is wrong with it
    return trees
