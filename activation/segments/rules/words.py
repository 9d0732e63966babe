"""A condition of a rule tree as a sentence, from the labels of the operator table."""

from __future__ import annotations

from typing import Any

from activation.segments.rules import schema
from activation.segments.rules.operators import BY_NAME


def in_words(node: Any) -> str:
    """What a node asks, for people."""
    if isinstance(node, schema.And):
        return "all of these are true"
    if isinstance(node, schema.Or):
        return "at least one of these is true"
    if isinstance(node, schema.Not):
        return "this is not true (which includes those of whom it is not known)"
    if isinstance(node, schema.AttributeCondition):
        return f"{node.attribute} {compared(node)}"
    if isinstance(node, schema.EventCount):
        return f"{_did(node)} {node.event}{_where(node.where)}{_window(node.window)}"
    if isinstance(node, schema.EventTime):
        return f"{node.event}{_where(node.where)} {BY_NAME[node.operator].label}: {compared(node.compare)}"
    if isinstance(node, schema.EventMeasure):
        label = BY_NAME[node.operator].label
        return f"{label} {node.property} over {node.event}{_where(node.where)}{_window(node.window)} {compared(node.compare)}"
    if isinstance(node, schema.EventSequence):
        did = "did" if node.operator == "did_then" else "did not do"
        first = f"{node.event}{_where(node.where)}{_window(node.window)}"
        return f"{did} {first} and then {node.then}{_where(node.then_where)} within {node.within_days} days"
    if isinstance(node, schema.SegmentCondition):
        return f"{BY_NAME[node.operator].label} {node.segment}"
    if isinstance(node, schema.ListCondition):
        return f"{BY_NAME[node.operator].label} {node.list}"
    if isinstance(node, schema.CampaignCondition):
        return f"{BY_NAME[node.operator].label} {node.campaign}{_window(node.window)}"
    if isinstance(node, schema.FunnelCondition):
        return f"{BY_NAME[node.operator].label} {' or '.join(node.stages)}"
    return f"is in the random {node.percent:g} % of {node.seed}"


def compared(comparison: schema.Comparison) -> str:
    """A comparison with its arguments in their places."""
    label = BY_NAME[comparison.operator].label
    if comparison.operator == "has_been":
        return f"has been {comparison.value} for at least {comparison.days} days"
    if comparison.days is not None:
        return label.replace("…", str(comparison.days))
    if comparison.low is not None:
        return f"{label} {comparison.low} and {comparison.high}"
    if comparison.values:
        return f"{label} {', '.join(map(str, comparison.values))}"
    return label if comparison.value is None else f"{label} {comparison.value}"


def _did(node: schema.EventCount) -> str:
    if node.operator == "did_not":
        return "did not do"
    if (node.times, node.count) == ("at_least", 1):
        return "did"
    return f"did {node.times.replace('_', ' ')} {node.count} times"


def _where(conditions: list[schema.PropertyCondition]) -> str:
    return "".join(f" with {each.property} {compared(each)}" for each in conditions)


def _window(window: schema.Window | None) -> str:
    if window is None:
        return ""
    if window.last_days is not None:
        return f" in the last {window.last_days} days"
    if window.last_calendar_days is not None:
        return f" in the last {window.last_calendar_days} calendar days"
    since = f" from {window.since}" if window.since else ""
    return since + (f" until {window.until}" if window.until else "")
