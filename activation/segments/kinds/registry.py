"""The five kinds by name."""

from __future__ import annotations

from collections.abc import Mapping

from activation.segments.kinds.contract import SegmentKind
from activation.segments.kinds.dbt_model import DbtModelKind
from activation.segments.kinds.manual_list import ManualListKind
from activation.segments.kinds.python_function import PythonFunctionKind
from activation.segments.kinds.rule_tree import RuleTreeKind
from activation.segments.kinds.sql_query import SqlQueryKind

KINDS: Mapping[str, SegmentKind] = {
    "dbt": DbtModelKind(),
    "rules": RuleTreeKind(),
    "sql": SqlQueryKind(),
    "manual": ManualListKind(),
    "function": PythonFunctionKind(),
}
