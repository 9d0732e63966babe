"""How many and who a definition means, and what saving it would change."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import streamlit as st

from activation.errors import Refused
from activation.segments.commands import Segment
from activation.segments.preview import Difference, Preview, difference, preview
from dashboards import actions


@st.cache_data(ttl=60, show_spinner="Counting …")
def look(kind: str, definition: str, key: str | None) -> tuple[Preview | None, str | None]:
    """The preview of a definition, or why there is none."""
    try:
        with actions.engage() as db:
            return preview(db, kind, json.loads(definition), at=actions.now(), key=key), None
    except Refused as error:
        return None, str(error)


@st.cache_data(ttl=60, show_spinner="Comparing with the members of now …")
def compare(key: str, definition: str, version: int) -> Difference | str:
    """What saving would change, or why that is not known."""
    del version  # part of the cache's key
    try:
        with actions.engage() as db:
            return difference(db, key, json.loads(definition), at=actions.now())
    except Refused as error:
        return str(error)


def show_preview(kind: str, definition: dict[str, Any], key: str | None) -> Preview | None:
    """How many and who; None when the definition has errors, which are shown."""
    found, problem = look(kind, json.dumps(definition, sort_keys=True), key)
    if found is None:
        st.error(problem, icon=":material/error:")
        return None
    total, reachable = st.columns(2)
    total.metric("People", f"{found.total:,}", border=True)
    reachable.metric(
        "Reachable by mail", f"{found.reachable:,}", border=True, help="valid address, opted in, not suppressed"
    )
    if found.wrong_types:
        st.caption(f"{found.wrong_types:,} events hold a value of another type than asked for and count as not set.")
    for each in found.problems:
        st.caption(f":orange[:material/warning:] {each.message}")
    show_people("Some of them", found.sample)
    cost = "" if found.cost is None else f", planner's cost {found.cost:,.0f}"
    with st.expander(f"The SQL, {found.milliseconds:,.0f} ms{cost}", icon=":material/database:"):
        st.code(found.sql, language="sql", wrap_lines=True)
    return found


def show_people(words: str, people: list[dict[str, Any]]) -> None:
    """A sample as a small table; nothing for nobody."""
    if people:
        st.caption(words)
        shown = pd.DataFrame(people)[["contact_id", "full_name", "city", "plan"]]
        shown.columns = pd.Index(["Id", "Name", "City", "Plan"])
        st.dataframe(shown, hide_index=True, width="stretch")


def show_difference(segment: Segment, definition: dict[str, Any]) -> None:
    """Who would come and who would go."""
    st.subheader("What saving would change", anchor=False)
    found = compare(segment.key, json.dumps(definition, sort_keys=True), segment.version)
    if isinstance(found, str):
        st.error(found, icon=":material/error:")
        return
    figures = st.columns(3)
    figures[0].metric("Enter", f"{found.entering:,}", border=True)
    figures[1].metric("Leave", f"{found.leaving:,}", border=True)
    figures[2].metric("Stay", f"{found.staying:,}", border=True)
    entering, leaving = st.columns(2)
    with entering:
        show_people("Some of those who enter", found.entering_sample)
    with leaving:
        show_people("Some of those who leave", found.leaving_sample)
