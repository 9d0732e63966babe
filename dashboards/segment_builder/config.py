"""What the condition tree offers: fields from the catalogue, operators from the operator table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activation.segments.catalogue import Catalogue
from activation.segments.rules.operators import BY_NAME, COMPARISONS, DATES, Operator, for_type
from activation.segments.rules.operators import DAYS as DAYS_END

# subjects are the first part of a field's path
ATTRIBUTE, EVENT, FIRST, LAST, SUM, CAMPAIGN, SEGMENT, LIST, BUCKET = (
    "attribute", "event", "first_time", "last_time", "sum", "campaign", "segment", "list", "bucket",
)  # fmt: skip
WHEN = "when"
SEPARATOR = "\u241f"  # between the parts of a field's path; names of events and properties may have dots
COUNTS = {"greater_or_equal": "at_least", "less_or_equal": "at_most", "equal": "exactly"}
COUNT_LABELS = {"greater_or_equal": "at least", "less_or_equal": "at most", "equal": "exactly"}
CAMPAIGN_OPERATORS = ("was_sent", "opened", "clicked", "was_not_sent", "did_not_open", "did_not_click")
WINDOWS = {
    "last_days": "in the last … days",
    "last_calendar_days": "in the last … calendar days",
    "since": "since",
    "until": "until",
}
DAYS = tuple(operator.name for operator in COMPARISONS if operator.arguments == ("days",))
MANY = ("in", "not_in", "contains_any", "contains_all", "contains_none")
NOT_DRAWN = {"numeric": ("in", "not_in"), "date": ("in", "not_in"), "timestamp": ("in", "not_in")}


def config(names: Catalogue, values: Mapping[str, list[str]]) -> dict[str, Any]:
    """The component's configuration; `values` are frequent values of text attributes, offered to choose from."""
    return {
        "conjunctions": {"AND": {"label": "All of"}, "OR": {"label": "Any of"}},
        "operators": _operators(time_of(names.time_zone)),
        "types": _types(),
        "fields": _fields(names, values),
        "settings": {
            "showNot": True, "notLabel": "Not", "addRuleLabel": "Condition", "addGroupLabel": "Group",
            "addSubRuleLabel": "When", "fieldPlaceholder": "Choose what about", "operatorPlaceholder": "Choose how",
            "valuePlaceholder": "Value", "fieldSeparator": SEPARATOR, "maxNesting": 20, "canReorder": True, "showErrorMessage": True,
            # as wide as what was chosen: the component reckons with smaller letters than it draws, and cuts names off
            "customFieldSelectProps": {"style": {"minWidth": "6rem"}},
        },
    }  # fmt: skip


def drawn(kind: str) -> list[Operator]:
    """The comparisons of a type that the tree can draw."""
    return [operator for operator in for_type(kind) if operator.name not in NOT_DRAWN.get(kind, ())]


def _operators(zone: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        operator.name: {
            "label": _in_zone(operator, zone),
            "cardinality": len(operator.arguments),
            **_two_values(operator),
        }
        for operator in (*COMPARISONS, *(BY_NAME[name] for name in CAMPAIGN_OPERATORS))
    }
    for name in CAMPAIGN_OPERATORS:
        shown[name] = {"label": BY_NAME[name].label, "cardinality": 0}
    for name, label in WINDOWS.items():
        shown[name] = {"label": label if name == "last_days" else f"{label} ({zone})", "cardinality": 1}
    for name in ("in_segment", "not_in_segment", "in_list", "not_in_list"):
        shown[name] = {"label": BY_NAME[name].label.replace("is ", ""), "cardinality": 1}
    shown["below"] = {"label": "is below … %", "cardinality": 1}
    return shown


def _in_zone(operator: Operator, zone: str) -> str:
    """Operators of days name the zone in which these end."""
    of_days = operator.time_zone == DAYS_END and set(operator.types) <= set(DATES)
    return f"{operator.label} ({zone})" if of_days else operator.label


def _two_values(operator: Operator) -> dict[str, Any]:
    if operator.arguments != ("low", "high"):
        return {}
    return {"valueLabels": ["From", "To"], "textSeparators": [None, "and"]}


def _types() -> dict[str, Any]:
    return {
        "of_string": _type("string", "equals", {"text": "one", "multiselect": "many"}),
        "of_numeric": _type("numeric", "at_least", {"number": "one"}),
        "of_date": _type("date", "in_last_days", {"date": "one", "number": "days"}),
        "of_timestamp": _type("timestamp", "in_last_days", {"date": "one", "number": "days"}),
        "of_boolean": _type("boolean", "is_true", {"boolean": "one"}),
        "of_array": _type("array", "contains_any", {"multiselect": "many", "text": "one"}),
        "!group": {"widgets": {"number": {"opProps": {name: {"label": label} for name, label in COUNT_LABELS.items()}}}},
        "of_window": {
            "valueSources": ["value"], "defaultOperator": "last_days",
            "widgets": {"number": {"operators": ["last_days", "last_calendar_days"]}, "date": {"operators": ["since", "until"]}},
        },
        "of_campaign": {"valueSources": ["value"], "defaultOperator": "opened", "widgets": {"text": {"operators": list(CAMPAIGN_OPERATORS)}}},
        "of_segment": {"valueSources": ["value"], "defaultOperator": "in_segment", "widgets": {"select": {"operators": ["in_segment", "not_in_segment"]}}},
        "of_list": {"valueSources": ["value"], "defaultOperator": "in_list", "widgets": {"select": {"operators": ["in_list", "not_in_list"]}}},
        "of_bucket": {"valueSources": ["value"], "defaultOperator": "below", "widgets": {"number": {"operators": ["below"]}}},
    }  # fmt: skip


def _type(kind: str, default: str, widgets: Mapping[str, str]) -> dict[str, Any]:
    """A type whose operators are asked for in these widgets: one value, many, or a number of days."""
    by_input: dict[str, list[str]] = {"one": [], "many": [], "days": []}
    for operator in drawn(kind):
        by_input["many" if operator.name in MANY else "days" if operator.name in DAYS else "one"].append(operator.name)
    return {
        "valueSources": ["value"],
        "defaultOperator": default,
        "widgets": {widget: {"operators": by_input[asked]} for widget, asked in widgets.items()},
    }


def _fields(names: Catalogue, values: Mapping[str, list[str]]) -> dict[str, Any]:
    attributes = {
        name: {"label": spoken(name), "type": f"of_{kind}", **_choices(values.get(name, []))}
        for name, kind in names.attributes.items()
    }
    fields: dict[str, Any] = {ATTRIBUTE: _struct("About the person", attributes)}
    for event, properties in names.events.items():
        fields[f"{EVENT}:{event}"] = _event(event, properties)
    if names.events:
        for subject, words in ((FIRST, "first time"), (LAST, "last time")):
            times = {event: {"label": f"{spoken(event)}, {words}", "type": "of_timestamp"} for event in names.events}
            fields[subject] = _struct(f"The {words} they did", times)
        sums = {event: {"label": f"sum of value, {spoken(event)}", "type": "of_numeric"} for event in names.events}
        fields[SUM] = _struct("Sums, over all time", sums)
    if names.campaigns:
        campaigns = {key: {"label": spoken(key), "type": "of_campaign"} for key in names.campaigns}
        fields[CAMPAIGN] = _struct("Campaigns", campaigns)
    segments = [{"value": key, "title": entry.title} for key, entry in names.segments.items()]
    lists = [{"value": key, "title": entry.title} for key, entry in names.segments.items() if entry.kind == "manual"]
    if segments:
        fields[SEGMENT] = {"label": "Segment", "type": "of_segment", "fieldSettings": {"listValues": segments}}
    if lists:
        fields[LIST] = {"label": "Uploaded list", "type": "of_list", "fieldSettings": {"listValues": lists}}
    fields[BUCKET] = {"label": "Random share of all", "type": "of_bucket", "fieldSettings": {"min": 0, "max": 100}}
    return fields


def _event(event: str, properties: Mapping[str, str]) -> dict[str, Any]:
    """Did it so many times, when, and with which properties."""
    subfields = {WHEN: {"label": "when", "type": "of_window"}}
    subfields |= {
        name: {"label": spoken(name), "type": f"of_{kind}", **_choices([])}
        for name, kind in properties.items()
        if name != WHEN
    }
    return {
        "label": f"Did: {spoken(event)}", "type": "!group", "mode": "array", "conjunctions": ["AND"], "showNot": False,
        "operators": list(COUNTS), "defaultOperator": "greater_or_equal", "initialEmptyWhere": True, "subfields": subfields,
    }  # fmt: skip


def _struct(label: str, subfields: Mapping[str, Any]) -> dict[str, Any]:
    return {"label": label, "type": "!struct", "subfields": dict(subfields)}


def _choices(values: list[str]) -> dict[str, Any]:
    return {
        "fieldSettings": {
            "listValues": [{"value": value, "title": value} for value in values],
            "allowCustomValues": True,
        }
    }


def time_of(zone: str) -> str:
    """Europe/Rome -> Rome time: short, since it stands in every condition about days."""
    return f"{spoken(zone.rpartition('/')[2])} time"


def spoken(name: str) -> str:
    """order_created -> order created."""
    return name.replace("_", " ")
