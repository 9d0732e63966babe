"""The five kinds by name."""

from __future__ import annotations

from collections.abc import Mapping

from activation.segments.kinds.contract import SegmentKind
from activation.segments.kinds.dbt_model import DbtModelKind
from activation.segments.kinds.rule_tree import RuleTreeKind

KINDS: Mapping[str, SegmentKind] = {
    "dbt": DbtModelKind(),
    "rules": RuleTreeKind(),
}
