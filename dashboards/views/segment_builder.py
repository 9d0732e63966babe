"""Building a segment: conditions, the count while building, what saving would change, saving."""

from __future__ import annotations

import json
import re
from typing import Any

import pandas as pd
import streamlit as st
from streamlit_condition_tree import condition_tree

from activation.errors import Refused
from activation.segments import commands, lists
from activation.segments.preview import Difference, Preview, difference, preview
from activation.segments.refresh import refresh
from dashboards import actions, data
from dashboards.components.frame import empty, friendly, title
from dashboards.segment_builder.config import config
from dashboards.segment_builder.translate import NotDrawable, to_rules, to_tree

PACES = {"After every build": commands.AFTER_BUILD, "Live, within seconds": commands.LIVE, "At times of its own": ""}
KINDS = {"Conditions": "rules", "SQL": "sql", "Uploaded list": "manual"}


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


@st.cache_data(ttl=60, show_spinner=False)
def tree_config() -> dict[str, Any]:
    with actions.engage() as db:
        names = commands.names(db)
    values = {row["attribute"]: list(row["values"]) for row in data.records("segments", "frequent_values")}
    return config(names, values)


def build_rules(segment: commands.Segment | None) -> tuple[dict[str, Any] | None, bool]:
    """The conditions so far, and whether all of them are finished."""
    drawing: dict[str, Any] | None = None
    if segment is not None:
        try:
            drawing = to_tree(segment.definition)
        except NotDrawable as reason:
            st.info(f"The tree cannot draw {reason}: edit the definition as JSON.", icon=":material/data_object:")
            return edit_json(segment.definition), True
    if st.toggle(
        "As JSON", help="every operator, also those the tree cannot draw: sequences, averages, the past of an attribute"
    ):
        start = segment.definition if segment else {"version": 1, "where": {"type": "and", "conditions": []}}
        return edit_json(st.session_state.get("built_rules") or start), True
    name = f"tree_{segment.key if segment else 'new'}_{segment.version if segment else 0}"
    condition_tree(
        tree_config(), return_type="jsonLogic", tree=drawing, key=name, min_height=320,
        placeholder="Everybody. Add a condition to say who.",
    )  # fmt: skip
    drawn = st.session_state.get(name)
    definition, unfinished = to_rules(drawn if isinstance(drawn, dict) else drawing)
    st.session_state["built_rules"] = definition
    with actions.engage() as db:
        zone = commands.names(db).time_zone
    st.caption(
        f"Days begin and end in {zone}; “in the last N days” is N × 24 hours. “Not” around a group includes people of whom "
        "nothing is known; “is not” does not."
    )
    if unfinished:
        listed = "; ".join(dict.fromkeys(unfinished))
        st.warning(
            f"Not finished yet: {listed}. The count leaves it out; saving waits until it is filled in or taken out.",
            icon=":material/edit:",
        )
    return definition, not unfinished


def edit_json(definition: dict[str, Any]) -> dict[str, Any] | None:
    written = st.text_area("Definition", json.dumps(definition, indent=2, ensure_ascii=False), height=320)
    try:
        parsed = json.loads(written)
    except json.JSONDecodeError as error:
        st.error(f"This is no JSON: {error}.", icon=":material/error:")
        return None
    return parsed if isinstance(parsed, dict) else None


def build_sql(segment: commands.Segment | None) -> dict[str, Any] | None:
    written = st.text_area(
        "One SELECT with a column contact_id",
        segment.definition["sql"] if segment else "",
        height=240,
        placeholder="select contact_id\nfrom profiles.contact_profiles\nwhere plan = 'pro'",
        help="It may read the schemas core, profiles, segments and marts, and change nothing.",
    )
    return {"sql": written} if written.strip() else None


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
    with st.expander(f"The SQL, {found.milliseconds:,.0f} ms", icon=":material/database:"):
        st.code(found.sql, language="sql", wrap_lines=True)
    return found


def show_people(words: str, people: list[dict[str, Any]]) -> None:
    if people:
        st.caption(words)
        shown = pd.DataFrame(people)[["contact_id", "full_name", "city", "plan"]]
        shown.columns = pd.Index(["Id", "Name", "City", "Plan"])
        st.dataframe(shown, hide_index=True, width="stretch")


def show_difference(segment: commands.Segment, definition: dict[str, Any]) -> None:
    """Who would come and who would go."""
    found = compare(segment.key, json.dumps(definition, sort_keys=True), segment.version)
    if isinstance(found, str):
        return
    st.subheader("What saving would change", anchor=False)
    figures = st.columns(3)
    figures[0].metric("Enter", f"{found.entering:,}", border=True)
    figures[1].metric("Leave", f"{found.leaving:,}", border=True)
    figures[2].metric("Stay", f"{found.staying:,}", border=True)
    entering, leaving = st.columns(2)
    with entering:
        show_people("Some of those who enter", found.entering_sample)
    with leaving:
        show_people("Some of those who leave", found.leaving_sample)


def ask_pace(kind: str, pace: str) -> str:
    offered = [words for words in PACES if kind == "rules" or PACES[words] != commands.LIVE]
    known = next((words for words, value in PACES.items() if value == pace), "At times of its own")
    chosen = st.selectbox("Refreshed", offered, index=offered.index(known))
    if PACES[chosen]:
        return PACES[chosen]
    return st.text_input(
        "Cron expression",
        pace if known == "At times of its own" and pace else "0 6 * * 1",
        help="minute hour day month weekday, in the workspace's zone",
    )


def save_form(segment: commands.Segment | None, kind: str, definition: dict[str, Any] | None) -> None:
    """Title, pace and the button, which is there once everything is."""
    name = st.text_input("Name", segment.title if segment else "", placeholder="Quiet pros in Rome and Paris")
    description = st.text_area("What it is for", segment.description if segment else "", height=80)
    pace = ask_pace(kind, segment.refresh if segment else commands.AFTER_BUILD)
    key = segment.key if segment else re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:60]
    ready = definition is not None and bool(name.strip()) and bool(key)
    if st.button("Save", type="primary", disabled=not ready, icon=":material/save:", width="stretch"):
        assert definition is not None
        with actions.refusals_shown(), actions.engage() as db:
            if segment is None:
                commands.create(
                    db, key, kind=kind, title=name, definition=definition, description=description, refresh=pace,
                    actor=actions.ACTOR, now=actions.now(),
                )  # fmt: skip
            else:
                commands.update(
                    db, key, definition=definition, title=name, description=description, refresh=pace,
                    expected_version=segment.version, actor=actions.ACTOR, now=actions.now(),
                )  # fmt: skip
            report = refresh(db, key, now=actions.now())
            st.session_state["saved"] = (
                f"Saved, but its members are not up to date: {report.problem}"
                if report.problem
                else f"Saved: {report.size:,} people are in it."
            )
            st.cache_data.clear()
            st.switch_page("views/segments.py", query_params={"segment": key})
    if not ready:
        st.caption(
            "A name and at least one finished condition are needed." if kind != "manual" else "A name is needed."
        )


def fill_list(segment: commands.Segment) -> None:
    """Uploading contacts to a list, and what became of each row."""
    file = st.file_uploader("A CSV with a column contact_id, crm_customer_id or email", type=["csv", "txt", "tsv"])
    mode = st.segmented_control(
        "The file's people are",
        ["add", "replace", "remove"],
        default="add",
        format_func={"add": "added", "replace": "the whole list", "remove": "taken off"}.get,
    )
    if file is not None and mode and st.button("Upload", icon=":material/upload:", type="primary"):
        with actions.refusals_shown(), actions.engage() as db:
            report = lists.upload(
                db, segment.key, lists.read_csv(file.getvalue()), mode=mode, actor=actions.ACTOR, now=actions.now()
            )
            refresh(db, segment.key, now=actions.now(), accept_jump=True)
            st.cache_data.clear()
            st.success(
                f"{report.rows:,} rows: {report.added:,} added, {report.removed:,} taken off, {report.already:,} were there."
            )
            if report.problems:
                problems = pd.DataFrame([vars(each) for each in report.problems])
                st.warning(f"{len(report.problems):,} rows name nobody.")
                st.dataframe(problems, hide_index=True, width="stretch")
                st.download_button("Those rows as CSV", problems.to_csv(index=False), "rows-not-taken.csv", "text/csv")


def show(key: str | None) -> None:
    segment = None
    if key:
        with actions.engage() as db:
            segment = commands.show(db, key)
    title(
        segment.title if segment else "New segment",
        "Who should be in it? The count follows while you build." if not key else f"Version {segment.version}",
    )  # type: ignore[union-attr]
    st.page_link("views/segments.py", label="All segments", icon=":material/arrow_back:")
    kind = (
        segment.kind
        if segment
        else KINDS[st.segmented_control("Made of", list(KINDS), default="Conditions") or "Conditions"]
    )
    building, looking = st.columns([3, 2], gap="large")
    with building:
        finished = True
        if kind == "rules":
            definition, finished = build_rules(segment)
        elif kind == "sql":
            definition = build_sql(segment)
        elif kind == "manual":
            definition = {}
            if segment:
                fill_list(segment)
            else:
                st.info("Save it with a name first; then upload the list.", icon=":material/upload_file:")
        else:
            definition = edit_json(segment.definition if segment else {})
    with looking:
        found = show_preview(kind, definition, key) if definition and kind != "manual" else None
        if not definition and kind != "manual":
            empty("Nobody is counted yet", "Add a condition and fill it in.")
        save_form(segment, kind, definition if finished and (found or kind == "manual") else None)
    if segment and definition and found and finished and definition != segment.definition:
        show_difference(segment, definition)


with friendly(), actions.refusals_shown():
    show(st.query_params.get("segment"))
