"""The `rules` kind: a rule tree, compiled to one statement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from psycopg import Connection

from activation.segments.catalogue import Catalogue
from activation.segments.kinds.contract import Members
from activation.segments.problems import Problem, refuse_errors
from activation.segments.rules import schema
from activation.segments.rules.compile import Compiler, as_members
from activation.segments.rules.validate import validate as validate_tree


class RuleTreeKind:
    """Definition: a rule tree, see rules/schema.py."""

    def validate(self, definition: Mapping[str, Any], catalogue: Catalogue) -> list[Problem]:
        tree, problems = schema.parse(definition)
        return problems if tree is None else validate_tree(tree, catalogue)

    def members(
        self,
        _db: Connection,
        definition: Mapping[str, Any],
        catalogue: Catalogue,
        *,
        segment_id: int | None,
        at: datetime,
    ) -> Members:
        del segment_id
        return as_members(Compiler(catalogue, at).tree(parse_checked(definition, catalogue)))


def parse_checked(definition: Mapping[str, Any], catalogue: Catalogue) -> schema.RuleTree:
    """The tree of a definition. Raises DefinitionRefused naming every error."""
    tree, problems = schema.parse(definition)
    refuse_errors(problems if tree is None else validate_tree(tree, catalogue))
    assert tree is not None
    return tree


def segments_used(definition: Mapping[str, Any]) -> set[str]:
    """Keys of the segments and lists that a tree refers to."""
    return set(_used(orjson.dumps(definition)))


@lru_cache(maxsize=4096)  # asked in every round of live evaluation
def _used(definition: bytes) -> frozenset[str]:
    tree, _ = schema.parse(orjson.loads(definition))
    if tree is None:
        return frozenset()
    used = {leaf.segment for _, leaf in schema.leaves(tree) if isinstance(leaf, schema.SegmentCondition)}
    return frozenset(used) | {leaf.list for _, leaf in schema.leaves(tree) if isinstance(leaf, schema.ListCondition)}
