"""Conditions that stand beside the tree: those that the component has no picture for, joined to it by AND."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dashboards.segment_builder.translate import NotDrawable, to_tree

Json = dict[str, Any]


def split(definition: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[Json | None, list[Json]]:
    """The tree of what can be drawn with this configuration, and the conditions that cannot."""
    where = definition["where"]
    whole = _drawn([where], config)
    if whole is not None:
        return whole, []
    if where["type"] != "and":
        return None, [where]
    drawable, further = [], []
    for condition in where["conditions"]:
        (further if _drawn([condition], config) is None else drawable).append(condition)
    return _drawn(drawable, config) if drawable else None, further


def join(drawn: Mapping[str, Any] | None, further: list[Json]) -> Json | None:
    """The definition of both together; None while there is no condition at all."""
    if not further:
        return dict(drawn) if drawn else None
    where = drawn["where"] if drawn else None
    if where is None:
        conditions = further
    elif where["type"] == "and":
        conditions = [*where["conditions"], *further]
    else:
        conditions = [where, *further]
    if len(conditions) == 1:
        return {"version": 1, "where": conditions[0]}
    return {"version": 1, "where": {"type": "and", "conditions": conditions}}


def _drawn(conditions: list[Json], config: Mapping[str, Any]) -> Json | None:
    where = conditions[0] if len(conditions) == 1 else {"type": "and", "conditions": conditions}
    try:
        tree = to_tree({"where": where})
    except NotDrawable:
        return None
    return (
        tree if all(_is_offered(rule, config) for rule in _rules(tree)) and _depth(tree) <= _deepest(config) else None
    )


def _is_offered(rule: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """The component drops what its configuration does not know, without a word: a name that is gone, a type that changed."""
    properties = rule["properties"]
    field = find_field(str(properties["field"]), config)
    if field is None:
        return False
    if field["type"] == "!group":
        return properties["operator"] in field["operators"]
    widgets = config["types"][field["type"]]["widgets"]
    offered = {operator for widget in widgets.values() for operator in widget["operators"]}
    if properties["operator"] not in offered:
        return False
    if "select" in widgets:
        known = {each["value"] for each in field["fieldSettings"]["listValues"]}
        return bool(properties["value"][0] in known)
    # a moment within a day has no input of its own
    return not (field["type"] in {"of_date", "of_timestamp"} and not set(properties["valueType"]) <= {"date", "number"})


def find_field(path: str, config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The field of a path in the configuration, if it is there."""
    found: Mapping[str, Any] = {"subfields": config["fields"]}
    for part in path.split(config["settings"]["fieldSeparator"]):
        if part not in found.get("subfields", {}):
            return None
        found = found["subfields"][part]
    return found


def _rules(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if node["type"] != "group":
        yield node
    for child in node.get("children", []):
        yield from _rules(child)


def _depth(node: Mapping[str, Any]) -> int:
    return 1 + max((_depth(child) for child in node.get("children", []) if child["type"] == "group"), default=0)


def _deepest(config: Mapping[str, Any]) -> int:
    return int(config["settings"]["maxNesting"])
