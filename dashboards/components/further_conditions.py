"""The form for conditions that the tree has no row for: sequences, measures, the past of an attribute, funnels, shares."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

import streamlit as st

from activation.segments.catalogue import EVENT_COLUMNS, Catalogue
from activation.segments.rules import schema
from activation.segments.rules.operators import BY_NAME, DATES, OPERATORS, Operator, for_type
from dashboards import data
from dashboards.components.explanation import outline
from dashboards.segment_builder.config import CAMPAIGN_OPERATORS, spoken

Json = dict[str, Any]
EVER = "ever"
WINDOWS = {
    EVER: "ever", "last_days": "in the last … days (N × 24 hours)",
    "last_calendar_days": "in the last … calendar days", "dates": "between dates",
}  # fmt: skip


def ask_further(names: Catalogue) -> Json | None:
    """The condition that was filled in, at the click on Add."""
    forms: dict[str, Callable[[Catalogue], Json | None]] = {
        "did one thing and then another": _sequence, "sum, average, least or most of a number": _measure,
        "has been the same for some days": _has_been, "first or last time did": _time, "a campaign, within a time": _campaign,
        "an attribute, any operator": _attribute, "stage in the sales funnel": _funnel, "a random share of its own": _bucket,
    }  # fmt: skip
    chosen = st.selectbox("What about", list(forms), key="further_what")
    condition = forms[chosen](names)
    if condition is None:
        st.caption("Fill in what is missing.")
        return None
    st.markdown(outline({"version": 1, "where": condition}))
    return condition if st.button("Add this", icon=":material/add:") else None


def _sequence(names: Catalogue) -> Json | None:
    operator = _operator("event_sequence")
    event, window, where = _event(names, "first", "First"), _window(names, "first"), None
    where = _where(names, event, "first")
    then = _event(names, "then", "And then")
    then_where = _where(names, then, "then")
    days = st.number_input("Within how many days", 1, schema.LONGEST_WINDOW_DAYS, 7)
    if event is None or then is None:
        return None
    return {"type": "event_sequence", "operator": operator, "event": event, "then": then, "within_days": int(days)} | _given(
        window=window, where=where, then_where=then_where
    )  # fmt: skip


def _measure(names: Catalogue) -> Json | None:
    operator, event = _operator("event_measure"), _event(names, "measure", "Over")
    if event is None:
        return None
    numbers = [name for name, kind in _properties(names, event).items() if kind == "numeric"]
    name = st.selectbox("Of the number", numbers, format_func=spoken)
    window, where = _window(names, "measure"), _where(names, event, "measure")
    compared = _comparison("numeric", "measure", leave_out=("is_set", "is_not_set"))
    if compared is None:
        return None
    return {"type": "event_measure", "operator": operator, "event": event, "property": name, "compare": compared} | _given(
        window=window, where=where
    )  # fmt: skip


def _time(names: Catalogue) -> Json | None:
    operator, event = _operator("event_time"), _event(names, "time", "What")
    where = _where(names, event, "time")
    compared = _comparison("timestamp", "time", leave_out=("is_set", "is_not_set"))
    if event is None or compared is None:
        return None
    return {"type": "event_time", "operator": operator, "event": event, "compare": compared} | _given(where=where)


def _has_been(names: Catalogue) -> Json | None:
    operator = BY_NAME["has_been"]
    known = [
        name
        for name in sorted(names.history & names.attributes.keys())
        if names.attributes[name] in operator.types
    ]  # fmt: skip
    if not known:
        st.caption("The past of no attribute is recorded yet: it is from the first build on.")
        return None
    name = st.selectbox("Attribute", known, format_func=spoken, help=operator.when_not_set)
    value = _value(names.attributes[name], "Has been", "has_been")
    days = st.number_input("For at least how many days", 0, schema.LONGEST_WINDOW_DAYS, 30)
    if value is None:
        return None
    return {"type": "attribute", "attribute": name, "operator": operator.name, "value": value, "days": int(days)}


def _attribute(names: Catalogue) -> Json | None:
    name = st.selectbox("Attribute", list(names.attributes), format_func=spoken)
    compared = _comparison(names.attributes[name], "attribute") if name else None
    return None if compared is None else {"type": "attribute", "attribute": name, **compared}


def _campaign(names: Catalogue) -> Json | None:
    operator = st.selectbox("What", CAMPAIGN_OPERATORS, format_func=lambda each: BY_NAME[each].label)
    campaign = st.selectbox("Campaign", list(names.campaigns), format_func=spoken)
    window = _window(names, "campaign")
    if campaign is None:
        return None
    return {"type": "campaign", "operator": operator, "campaign": campaign} | _given(window=window)


def _funnel(_names: Catalogue) -> Json | None:
    operator = _operator("funnel")
    stages = st.multiselect(
        "Stages", [row["stage"] for row in data.records("segments", "stages")], accept_new_options=True
    )
    return {"type": "funnel", "operator": operator, "stages": stages} if stages else None


def _bucket(_names: Catalogue) -> Json | None:
    seed = st.text_input("Name of the share", help="The same name gives the same people, in every segment.").strip()
    percent = st.number_input("Percent of all contacts", 0.0, 100.0, 10.0)
    return {"type": "bucket", "operator": "in_bucket", "seed": seed, "percent": percent} if seed else None


def _operator(subject: str) -> str:
    offered = {operator.name: operator for operator in OPERATORS if operator.subject == subject}
    chosen = str(st.selectbox("How", list(offered), format_func=lambda name: offered[name].label, key=f"how_{subject}"))
    st.caption(f"{offered[chosen].words} Where nothing is known: {offered[chosen].when_not_set}.")
    return chosen


def _event(names: Catalogue, key: str, label: str) -> str | None:
    return st.selectbox(
        label,
        list(names.events),
        index=None,
        placeholder="Choose what they did",
        format_func=spoken,
        key=f"event_{key}",
    )


def _properties(names: Catalogue, event: str) -> dict[str, str]:
    return {**EVENT_COLUMNS, **names.events.get(event, {})}


def _where(names: Catalogue, event: str | None, key: str) -> list[Json]:
    """Conditions on properties, one after the other: the next is offered when one was chosen."""
    conditions: list[Json] = []
    while event is not None:
        number = f"{key}_{len(conditions)}"
        known = _properties(names, event)
        name = st.selectbox(
            "Which …", list(known), index=None, placeholder="any", format_func=spoken, key=f"which_{number}"
        )
        compared = _comparison(known[name], number) if name else None
        if name is None or compared is None:
            break
        conditions.append({"property": name, **compared})
    return conditions


def _window(names: Catalogue, key: str) -> Json | None:
    way = st.selectbox(
        "When", list(WINDOWS), format_func=WINDOWS.get, key=f"when_{key}", help=f"Days end in {names.time_zone}."
    )
    if way in {"last_days", "last_calendar_days"}:
        return {way: int(st.number_input("Days", 1, schema.LONGEST_WINDOW_DAYS, 30, key=f"days_{key}"))}
    if way == "dates":
        chosen = st.date_input("From and until", (), key=f"dates_{key}")
        ends = [each.isoformat() for each in chosen] if isinstance(chosen, tuple) else [chosen.isoformat()]
        return dict(zip(("since", "until"), ends, strict=False)) or None
    return None


def _comparison(kind: str, key: str, *, leave_out: Iterable[str] = ()) -> Json | None:
    """An operator for a value of this type with its arguments; None until they are all there."""
    offered = {operator.name: operator for operator in for_type(kind) if operator.name not in leave_out}
    chosen = st.selectbox("How", list(offered), format_func=lambda name: offered[name].label, key=f"how_{kind}_{key}")
    return _arguments(offered[chosen], kind, f"{chosen}_{key}")


def _arguments(operator: Operator, kind: str, key: str) -> Json | None:
    found: Json = {"operator": operator.name}
    for name in operator.arguments:
        if name == "days":
            value: Any = int(st.number_input("Days", 0, schema.LONGEST_WINDOW_DAYS, 30, key=f"days_{key}"))
        elif name == "values":
            value = _values(kind, key)
        else:
            value = _value(kind, {"low": "From", "high": "To"}.get(name, "Value"), f"{name}_{key}")
        if value is None or value == []:
            return None
        found[name] = value
    return found


def _values(kind: str, key: str) -> list[Any]:
    written = st.multiselect(
        "Values", [], accept_new_options=True, placeholder="Write one, press Enter", key=f"values_{key}"
    )
    return [_number(each) for each in written] if kind == "numeric" else list(written)


def _value(kind: str, label: str, key: str) -> Any:
    if kind == "numeric":
        return st.number_input(label, value=None, key=f"value_{key}")
    if kind == "boolean":
        return {"true": True, "false": False}.get(str(st.selectbox(label, ["true", "false"], key=f"value_{key}")))
    if kind in DATES:
        chosen = st.date_input(label, None, key=f"value_{key}")
        return chosen.isoformat() if isinstance(chosen, date) else None
    return st.text_input(label, key=f"value_{key}").strip() or None


def _number(written: str) -> float | str:
    """What is no number stays as it was written, for validation to name."""
    try:
        return float(written)
    except ValueError:
        return written


def _given(**parts: Any) -> Json:
    return {name: part for name, part in parts.items() if part}
