"""What is wrong with a tree that has the right shape: unknown names, operators that do not fit, arguments."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from activation.segments.catalogue import EVENT_COLUMNS, Catalogue
from activation.segments.problems import Problem
from activation.segments.rules import schema
from activation.segments.rules.comparisons import parse_time
from activation.segments.rules.operators import BY_NAME, DATES, OPERATORS, Operator, for_type

MOST_ANNIVERSARY_DAYS = 364
NOT_OF_MEASURES = {"is_set", "is_not_set"}


def validate(tree: schema.RuleTree, catalogue: Catalogue) -> list[Problem]:
    """Every problem of the tree. An event never seen is a warning: it may come."""
    return [problem for path, leaf in schema.leaves(tree) for problem in _leaf(path, leaf, catalogue)]


def property_type(condition: schema.PropertyCondition) -> str:
    """As what a property is read: told by the operator, and where that takes several types, by the argument."""
    operator = BY_NAME[condition.operator]
    if operator.name in NOT_OF_MEASURES:
        return "any"
    if len(operator.types) == 1:
        return operator.types[0]
    if set(operator.types) == set(DATES):
        return "timestamp"
    given = condition.value if condition.value is not None else condition.low
    if given is None and condition.values:
        given = condition.values[0]
    if isinstance(given, bool):
        return "boolean"
    if isinstance(given, int | float):
        return "numeric"
    return "timestamp" if operator.name == "between" else "string"


def _leaf(path: str, leaf: schema.Leaf, catalogue: Catalogue) -> Iterator[Problem]:
    if isinstance(leaf, schema.AttributeCondition):
        yield from _attribute(path, leaf, catalogue)
    elif isinstance(leaf, schema.SegmentCondition):
        yield from _name(f"{path}.segment", leaf.segment, catalogue.segments, "segment")
    elif isinstance(leaf, schema.ListCondition):
        lists = [key for key, entry in catalogue.segments.items() if entry.kind == "manual"]
        yield from _name(f"{path}.list", leaf.list, lists, "list")
    elif isinstance(leaf, schema.CampaignCondition):
        yield from _name(f"{path}.campaign", leaf.campaign, catalogue.campaigns, "campaign")
    elif isinstance(leaf, schema.EventCount | schema.EventTime | schema.EventMeasure | schema.EventSequence):
        yield from _event(path, leaf, catalogue)


def _event(
    path: str,
    leaf: schema.EventCount | schema.EventTime | schema.EventMeasure | schema.EventSequence,
    catalogue: Catalogue,
) -> Iterator[Problem]:
    yield from _seen(f"{path}.event", leaf.event, catalogue)
    yield from _where(f"{path}.where", leaf.where)
    if isinstance(leaf, schema.EventSequence):
        yield from _seen(f"{path}.then", leaf.then, catalogue)
        yield from _where(f"{path}.then_where", leaf.then_where)
    if isinstance(leaf, schema.EventTime):
        yield from _measured(f"{path}.compare", leaf.compare, "timestamp")
    if isinstance(leaf, schema.EventMeasure):
        if EVENT_COLUMNS.get(leaf.property, "numeric") != "numeric":
            yield Problem(f"{path}.property", f"{leaf.property} is no number")
        yield from _measured(f"{path}.compare", leaf.compare, "numeric")


def _attribute(path: str, leaf: schema.AttributeCondition, catalogue: Catalogue) -> Iterator[Problem]:
    unknown = list(_name(f"{path}.attribute", leaf.attribute, catalogue.attributes, "attribute"))
    yield from unknown
    if unknown:
        return
    kind = catalogue.attributes[leaf.attribute]
    if leaf.operator == "has_been":
        yield from _has_been(path, leaf, kind, catalogue)
    else:
        yield from _comparison(path, leaf, kind, for_type(kind))


def _has_been(path: str, leaf: schema.AttributeCondition, kind: str, catalogue: Catalogue) -> Iterator[Problem]:
    operator = BY_NAME["has_been"]
    if kind not in operator.types:
        yield Problem(f"{path}.operator", f"has_been is for {_listed(operator.types)}; {leaf.attribute} is {kind}")
    elif leaf.attribute not in catalogue.history:
        known = _listed(sorted(catalogue.history)) or "none yet: run `engage build`"
        yield Problem(f"{path}.attribute", f"the past of {leaf.attribute} is not recorded; it is for {known}")
    else:
        yield from _arguments(path, leaf, operator, kind)


def _measured(path: str, comparison: schema.Comparison, kind: str) -> Iterator[Problem]:
    yield from _comparison(
        path, comparison, kind, [each for each in for_type(kind) if each.name not in NOT_OF_MEASURES]
    )


def _where(path: str, conditions: list[schema.PropertyCondition]) -> Iterator[Problem]:
    for number, condition in enumerate(conditions, start=1):
        place = f"{path}[{number}]"
        operator = BY_NAME.get(condition.operator)
        if operator is None or operator.sql is None:
            yield from _name(
                f"{place}.operator", condition.operator, [each.name for each in OPERATORS if each.sql], "operator"
            )
            continue
        kind = property_type(condition)
        if condition.property in EVENT_COLUMNS and kind not in {EVENT_COLUMNS[condition.property], "any"}:
            yield Problem(
                place, f"{condition.property} is {EVENT_COLUMNS[condition.property]}, the condition is for {kind}"
            )
        elif kind != "any":
            yield from _comparison(place, condition, kind, for_type(kind))


def _comparison(path: str, comparison: schema.Comparison, kind: str, allowed: Iterable[Operator]) -> Iterator[Problem]:
    operator = next((each for each in allowed if each.name == comparison.operator), None)
    if operator is None:
        names = [each.name for each in allowed]
        yield Problem(
            f"{path}.operator", f"{comparison.operator} is no operator for {kind}; there are {_listed(names)}"
        )
        return
    yield from _arguments(path, comparison, operator, kind)


def _arguments(path: str, comparison: schema.Comparison, operator: Operator, kind: str) -> Iterator[Problem]:
    given = comparison.arguments()
    for name in operator.arguments:
        if name not in given:
            yield Problem(f"{path}.{name}", f"{operator.name} needs {name}")
    for name in given:
        if name not in operator.arguments:
            takes = _listed(operator.arguments) or "no argument"
            yield Problem(f"{path}.{name}", f"{operator.name} takes {takes}: remove {name}")
    for name in ("value", "low", "high"):
        if name in given and name in operator.arguments:
            yield from _value(f"{path}.{name}", given[name], operator, kind)
    for number, value in enumerate(given.get("values", ()), start=1):
        yield from _value(f"{path}.values[{number}]", value, operator, kind)
    if operator.name.startswith("anniversary") and given.get("days", 0) > MOST_ANNIVERSARY_DAYS:
        yield Problem(f"{path}.days", f"an anniversary is at most {MOST_ANNIVERSARY_DAYS} days ahead")


def _value(path: str, value: object, operator: Operator, kind: str) -> Iterator[Problem]:
    expected = "string" if kind == "array" else kind
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if expected == "numeric" and not is_number:
        yield Problem(path, f"{value!r} is no number")
    elif expected == "boolean" and not isinstance(value, bool):
        yield Problem(path, f"{value!r} is neither true nor false")
    elif expected == "string" and not isinstance(value, str):
        yield Problem(path, f"{value!r} is no text: put it in quotes")
    elif expected == "string" and isinstance(value, str) and not value.strip(" \t\r\n"):
        yield Problem(path, f"is blank, which means not set: {operator.name} needs a text, or use is_not_set")
    elif expected in DATES:
        try:
            parse_time(value)
        except ValueError as error:
            yield Problem(path, str(error))


def _seen(path: str, event: str, catalogue: Catalogue) -> Iterator[Problem]:
    if event not in catalogue.events:
        known = get_close_matches(event, catalogue.events, n=1) or sorted(catalogue.events)[:5]
        seen = f"; there are {_listed(known)}" if known else ""
        yield Problem(path, f"no event named {event} has been seen yet{seen}", "warning")


def _name(path: str, name: str, known: Iterable[str], what: str) -> Iterator[Problem]:
    names = list(known)
    if name in names:
        return
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {_listed(names[:20]) or 'none'}"
    yield Problem(path, f"there is no {what} named {name}; {hint}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
