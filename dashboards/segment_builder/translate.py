"""Between the tree of the component and our rule tree, both ways. What is unfinished is named, never dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activation.segments.rules.operators import BY_NAME
from dashboards.segment_builder.config import (
    ATTRIBUTE,
    BUCKET,
    CAMPAIGN,
    COUNTS,
    EVENT,
    FIRST,
    LAST,
    LIST,
    MANY,
    SEGMENT,
    SEPARATOR,
    SUM,
    WHEN,
    WINDOWS,
    spoken,
)  # fmt: skip

Json = dict[str, Any]
SEED = "share"
COUNT_OPERATORS = {ours: theirs for theirs, ours in COUNTS.items()}


class NotDrawable(Exception):
    """A definition that is right and that the component has no picture for."""


def to_rules(tree: Mapping[str, Any] | None) -> tuple[Json | None, list[str]]:
    """The definition, None while there is no condition, and what is unfinished, in words."""
    unfinished: list[str] = []
    where = _group(tree or {}, unfinished)
    return (None if where is None else {"version": 1, "where": where}), unfinished


def to_tree(definition: Mapping[str, Any]) -> Json:
    """The component's tree of a definition. Raises NotDrawable."""
    where = definition["where"]
    node = _draw(where)
    return node if node["type"] == "group" else _group_of("AND", [node])


def count_rules(tree: Mapping[str, Any]) -> int:
    """How many conditions a tree of the component has, finished or not."""
    return (tree.get("type") != "group") + sum(count_rules(child) for child in _children(tree))


# -- from the component


def _node(node: Mapping[str, Any], unfinished: list[str]) -> Json | None:
    if node.get("type") == "group":
        return _group(node, unfinished)
    if node.get("type") == "rule_group":
        return _count(node, unfinished)
    return _rule(node, unfinished)


def _group(node: Mapping[str, Any], unfinished: list[str]) -> Json | None:
    properties = node.get("properties") or {}
    children = _children(node)
    if not children and node.get("properties") is not None and node.get("nested"):
        unfinished.append("a group without a condition")
    found = []
    for child in children:
        if child.get("type") == "group" and not _children(child):
            unfinished.append("a group without a condition")
            continue
        made = _node(child, unfinished)
        if made is not None:
            found.append(made)
    if not found:
        return None
    group = found[0] if len(found) == 1 and not properties.get("not") else {
        "type": "or" if properties.get("conjunction") == "OR" else "and", "conditions": found,
    }  # fmt: skip
    return {"type": "not", "condition": group} if properties.get("not") else group


def _count(node: Mapping[str, Any], unfinished: list[str]) -> Json | None:
    properties = node["properties"]
    event = str(properties.get("field") or "").removeprefix(f"{EVENT}:")
    count = (properties.get("value") or [None])[0]
    if count is None or properties.get("operator") not in COUNTS:
        unfinished.append(f"how many times they did {spoken(event)}")
        return None
    condition: Json = {
        "type": "event_count",
        "event": event,
        "times": COUNTS[properties["operator"]],
        "count": int(count),
    }
    windows: Json = {}
    where = []
    for child in _children(node):
        name = _last(child["properties"].get("field"))
        if name is None:
            unfinished.append(f"a condition about {spoken(event)}")
        elif name == WHEN:
            window = _window(child["properties"], event, unfinished)
            if windows.keys() & window.keys():
                unfinished.append(f"when they did {spoken(event)}, which is said twice")
            windows |= window
        else:
            compared = _comparison(child["properties"], f"{spoken(name)} of {spoken(event)}", unfinished)
            if compared is not None:
                where.append({"property": name, **compared})
    return condition | ({"window": windows} if windows else {}) | ({"where": where} if where else {})


def _window(properties: Mapping[str, Any], event: str, unfinished: list[str]) -> Json:
    value = (properties.get("value") or [None])[0]
    if value is None or properties.get("operator") is None:
        unfinished.append(f"when they did {spoken(event)}")
        return {}
    operator = properties["operator"]
    return {operator: int(value) if operator.startswith("last") else str(value)[:10]}


def _rule(node: Mapping[str, Any], unfinished: list[str]) -> Json | None:
    properties = node.get("properties") or {}
    field = properties.get("field")
    if not field:
        unfinished.append("a condition about nothing yet")
        return None
    subject, _, name = str(field).partition(SEPARATOR)
    if subject == CAMPAIGN:
        return _campaign(name, properties, unfinished)
    if subject in {SEGMENT, LIST, BUCKET}:
        return _choice(subject, properties, unfinished)
    compared = _comparison(properties, spoken(name), unfinished)
    if compared is None:
        return None
    if subject == ATTRIBUTE:
        return {"type": "attribute", "attribute": name, **compared}
    made = {"type": "event_time", "operator": subject} if subject in {FIRST, LAST} else {
        "type": "event_measure", "operator": "sum", "property": "value",
    }  # fmt: skip
    return {**made, "event": name, "compare": compared}


def _campaign(name: str, properties: Mapping[str, Any], unfinished: list[str]) -> Json | None:
    if properties.get("operator") is None:
        unfinished.append(f"what became of the campaign {spoken(name)}")
        return None
    return {"type": "campaign", "campaign": name, "operator": properties["operator"]}


def _choice(subject: str, properties: Mapping[str, Any], unfinished: list[str]) -> Json | None:
    value = (properties.get("value") or [None])[0]
    if value is None or properties.get("operator") is None:
        unfinished.append(
            {SEGMENT: "which segment", LIST: "which list", BUCKET: "how large the random share is"}[subject]
        )
        return None
    if subject == BUCKET:
        return {"type": "bucket", "operator": "in_bucket", "seed": SEED, "percent": value}
    return {"type": subject, subject: value, "operator": properties["operator"]}


def _comparison(properties: Mapping[str, Any], what: str, unfinished: list[str]) -> Json | None:
    operator = BY_NAME.get(str(properties.get("operator")))
    values = [value for value in properties.get("value") or [] if value not in (None, "", [])]
    if operator is None or len(values) < len(operator.arguments):
        unfinished.append(f"the condition about {what}")
        return None
    compared: Json = {"operator": operator.name}
    for argument, value in zip(operator.arguments, values, strict=False):
        compared[argument] = _value(argument, value, str((properties.get("valueType") or [""])[0]))
    return compared


def _value(argument: str, value: Any, kind: str) -> Any:
    if argument == "days":
        return int(value)
    if argument == "values":
        return value if isinstance(value, list) else [value]
    return str(value)[:10] if kind == "date" else value


def _children(node: Mapping[str, Any]) -> list[Any]:
    children = node.get("children") or node.get("children1") or []
    return list(children.values()) if isinstance(children, Mapping) else list(children)


def _last(field: object) -> str | None:
    return str(field).rpartition(SEPARATOR)[2] if field else None


# -- to the component


def _draw(node: Mapping[str, Any]) -> Json:
    kind = node["type"]
    if kind in {"and", "or"}:
        return _group_of(kind.upper(), [_draw(child) for child in node["conditions"]])
    if kind == "not":
        inner = _draw(node["condition"])
        group = inner if inner["type"] == "group" and not inner["properties"].get("not") else _group_of("AND", [inner])
        group["properties"]["not"] = True
        return group
    drawer = {
        "attribute": _draw_attribute, "event_count": _draw_count, "event_time": _draw_time, "event_measure": _draw_sum,
        "campaign": _draw_campaign, "segment": _draw_choice, "list": _draw_choice, "bucket": _draw_bucket,
    }.get(kind)  # fmt: skip
    if drawer is None:
        raise NotDrawable(f"conditions of the type {kind}")
    return drawer(node)


def _group_of(conjunction: str, children: list[Json]) -> Json:
    return {"type": "group", "properties": {"conjunction": conjunction, "not": False}, "children": children}


def _drawn_rule(field: str, operator: str, values: list[Any], kinds: list[str]) -> Json:
    return {
        "type": "rule",
        "properties": {
            "fieldSrc": "field", "field": field, "operator": operator, "value": values,
            "valueSrc": ["value"] * len(values), "valueType": kinds,
        },
    }  # fmt: skip


def _draw_compared(field: str, compared: Mapping[str, Any]) -> Json:
    operator = BY_NAME[compared["operator"]]
    values = [compared[name] for name in operator.arguments]
    if operator.name == "has_been" or (operator.name in MANY and not isinstance(values[0][0], str)):
        raise NotDrawable(f"the operator {operator.name} here")
    return _drawn_rule(
        field,
        operator.name,
        values,
        [_kind(name, value) for name, value in zip(operator.arguments, values, strict=True)],
    )


def _kind(argument: str, value: Any) -> str:
    if argument == "values":
        return "multiselect"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    is_date = len(value) == len("2026-03-01") and value[4] == value[7] == "-"
    if is_date or argument in {"low", "high"}:
        return "date"
    return "text"


def _draw_attribute(node: Mapping[str, Any]) -> Json:
    return _draw_compared(f"{ATTRIBUTE}{SEPARATOR}{node['attribute']}", node)


def _draw_time(node: Mapping[str, Any]) -> Json:
    if node.get("where"):
        raise NotDrawable("properties of a first or last time")
    return _draw_compared(f"{node['operator']}{SEPARATOR}{node['event']}", node["compare"])


def _draw_sum(node: Mapping[str, Any]) -> Json:
    if node.get("where") or node.get("window") or node["operator"] != "sum" or node.get("property", "value") != "value":
        raise NotDrawable("measures other than the sum of value over all time")
    return _draw_compared(f"{SUM}{SEPARATOR}{node['event']}", node["compare"])


def _draw_campaign(node: Mapping[str, Any]) -> Json:
    if node.get("window"):
        raise NotDrawable("windows of campaigns")
    return _drawn_rule(f"{CAMPAIGN}{SEPARATOR}{node['campaign']}", node["operator"], [], [])


def _draw_choice(node: Mapping[str, Any]) -> Json:
    default = f"in_{node['type']}"
    return _drawn_rule(node["type"], node.get("operator", default), [node[node["type"]]], ["select"])


def _draw_bucket(node: Mapping[str, Any]) -> Json:
    if node["seed"] != SEED:
        raise NotDrawable("random shares with a seed of their own")
    return _drawn_rule(BUCKET, "below", [node["percent"]], ["number"])


def _draw_count(node: Mapping[str, Any]) -> Json:
    did_not = node.get("operator") == "did_not"
    if any(each["property"] == WHEN for each in node.get("where") or []):
        raise NotDrawable(f"a property named {WHEN}")
    times, count = ("exactly", 0) if did_not else (node.get("times", "at_least"), node.get("count", 1))
    field = f"{EVENT}:{node['event']}"
    rules = [
        _drawn_rule(f"{field}{SEPARATOR}{WHEN}", name, [value], ["number" if name.startswith("last") else "date"])
        for name, value in (node.get("window") or {}).items()
        if name in WINDOWS and value is not None
    ]
    rules += [_draw_compared(f"{field}{SEPARATOR}{each['property']}", each) for each in node.get("where") or []]
    return {
        "type": "rule_group",
        "properties": {
            "mode": "array", "fieldSrc": "field", "field": field, "operator": COUNT_OPERATORS[times], "value": [count],
            "valueSrc": ["value"], "valueType": ["number"], "conjunction": "AND", "not": False,
        },
        "children": rules,
    }  # fmt: skip
