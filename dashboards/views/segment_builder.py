"""Building a segment: conditions, the count while building, what saving would change, saving."""

from __future__ import annotations

import json
import re
from typing import Any

import streamlit as st
from streamlit_condition_tree import condition_tree

from activation.segments import commands, lists
from activation.segments.catalogue import Catalogue
from activation.segments.refresh import refresh
from activation.segments.rules import schema
from activation.segments.rules.validate import validate
from dashboards import actions, data
from dashboards.components import list_upload
from dashboards.components.explanation import outline
from dashboards.components.frame import empty, friendly, title
from dashboards.components.further_conditions import ask_further
from dashboards.components.segment_preview import show_difference, show_preview
from dashboards.segment_builder.config import config
from dashboards.segment_builder.draft import Draft
from dashboards.segment_builder.further import join
from dashboards.segment_builder.translate import to_rules

PACES = {"After every build": commands.AFTER_BUILD, "Live, within seconds": commands.LIVE, "At times of its own": ""}
KINDS = {"Conditions": "rules", "SQL": "sql", "Uploaded list": "manual"}
DRAFT = "draft_of_segment"


@st.cache_data(ttl=60, show_spinner=False)
def offered() -> tuple[Catalogue, dict[str, Any]]:
    """What conditions can be about, and the component's configuration made of it."""
    with actions.engage() as db:
        names = commands.names(db)
    values = {row["attribute"]: list(row["values"]) for row in data.records("segments", "frequent_values")}
    return names, config(names, values)


def draft_of(key: str | None, tree_config: dict[str, Any]) -> Draft:
    """That of this visit; a new one when the page was left in between, told by its widgets being gone."""
    draft = st.session_state.get(DRAFT)
    if draft is None or (draft.segment and draft.segment.key) != key or "segment_name" not in st.session_state:
        with actions.engage() as db:
            draft = Draft.of(commands.show(db, key) if key else None, tree_config)
        st.session_state[DRAFT] = draft
        st.session_state["segment_name"] = draft.segment.title if draft.segment else ""
    return draft


def build_rules(draft: Draft, names: Catalogue, tree_config: dict[str, Any]) -> tuple[dict[str, Any] | None, bool]:
    """The conditions so far, and whether all of them are finished."""
    if st.toggle("As JSON", key="as_json", help="the definition as programs write it"):
        written, finished = edit_json(draft.definition or {"version": 1, "where": {"type": "and", "conditions": []}})
        if written is not None and is_right(written, names):
            draft.definition, draft.redraw = written, True
        return written, finished
    if draft.redraw:
        draft.start(draft.definition, tree_config)
    name = f"tree_{draft.number}"
    condition_tree(
        tree_config, return_type=None, tree=draft.tree, key=name, min_height=200,
        placeholder="No condition yet. Add one to say who.",
    )  # fmt: skip
    drawn = st.session_state.get(name)
    if isinstance(drawn, dict) and not draft.has_arrived(drawn):
        st.error("The tree did not take all of the conditions. Change them as JSON.", icon=":material/error:")
        return draft.definition, False
    definition, unfinished = to_rules(drawn if isinstance(drawn, dict) else draft.tree)
    st.caption(
        f"Days begin and end in {names.time_zone}; “in the last N days” is N × 24 hours. “Not” around a group includes "
        "people of whom nothing is known; “is not” does not."
    )
    show_further(draft, names)
    draft.definition = join(definition, draft.further)
    if unfinished:
        listed = "; ".join(dict.fromkeys(unfinished))
        st.warning(
            f"Not finished yet: {listed}. The count leaves it out; saving waits until it is filled in or taken out.",
            icon=":material/edit:",
        )
    return draft.definition, not unfinished


def is_right(definition: dict[str, Any], names: Catalogue) -> bool:
    """Whether it can be drawn and said in words; what is wrong is shown by the preview."""
    tree, _ = schema.parse(definition)
    return tree is not None and not any(problem.severity == "error" for problem in validate(tree, names))


def show_further(draft: Draft, names: Catalogue) -> None:
    """Conditions beside the tree, each with a button that takes it away, and the form for more of them."""
    for number, condition in enumerate(draft.further):
        said, away = st.columns([4, 1], vertical_alignment="center")
        said.markdown(f"And also:\n\n{outline({'version': 1, 'where': condition})}")
        if away.button("Take out", key=f"away_{draft.number}_{number}", icon=":material/delete:", type="tertiary"):
            draft.further.pop(number)
            st.rerun()
    with st.expander(
        "More: sequences, sums and averages, the past, campaigns within a time, stages", icon=":material/add:"
    ):
        if condition := ask_further(names):
            draft.further.append(condition)
            st.rerun()


def edit_json(definition: dict[str, Any]) -> tuple[dict[str, Any] | None, bool]:
    """What was written, None when it is no JSON object."""
    key = "written_json"
    if key not in st.session_state:
        st.session_state[key] = json.dumps(definition, indent=2, ensure_ascii=False)
    written = st.text_area("Definition", key=key, height=320)
    try:
        parsed = json.loads(written)
    except json.JSONDecodeError as error:
        st.error(f"This is no JSON: {error}.", icon=":material/error:")
        return None, False
    return (parsed, True) if isinstance(parsed, dict) else (None, False)


def build_sql(segment: commands.Segment | None) -> dict[str, Any] | None:
    written = st.text_area(
        "One SELECT with a column contact_id",
        segment.definition["sql"] if segment else "",
        height=240,
        placeholder="select contact_id\nfrom profiles.contact_profiles\nwhere plan = 'pro'",
        help="It may read the schemas core, profiles, segments and marts, and change nothing.",
    )
    return {"sql": written} if written.strip() else None


def ask_pace(kind: str, pace: str) -> str:
    choices = [words for words in PACES if kind == "rules" or PACES[words] != commands.LIVE]
    known = next((words for words, value in PACES.items() if value == pace), "At times of its own")
    chosen = st.selectbox("Refreshed", choices, index=choices.index(known))
    if PACES[chosen]:
        return PACES[chosen]
    return st.text_input(
        "Cron expression",
        pace if known == "At times of its own" and pace else "0 6 * * 1",
        help="minute hour day month weekday, in the workspace's zone",
    )


def save_form(draft: Draft, kind: str, definition: dict[str, Any] | None, file: bytes | None) -> None:
    """Title, pace and the button, which is there once everything is."""
    segment = draft.segment
    name = st.text_input("Name", key="segment_name", placeholder="Quiet pros in Rome and Paris")
    description = st.text_area("What it is for", segment.description if segment else "", height=80)
    pace = ask_pace(kind, segment.refresh if segment else commands.AFTER_BUILD)
    key = segment.key if segment else re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:60]
    ready = definition is not None and bool(name.strip()) and bool(key)
    if st.button("Save", type="primary", disabled=not ready, icon=":material/save:", width="stretch"):
        assert definition is not None
        with actions.refusals_shown():
            uploaded = lists.read_csv(file) if file is not None else None
            save(draft, key, kind, definition=definition, title=name, description=description, refresh=pace)
            if uploaded is not None:
                list_upload.take(key, uploaded)
                st.switch_page("views/segment_builder.py", query_params={"segment": key})
            bring_up_to_date(key)
            st.switch_page("views/segments.py", query_params={"segment": key})
    if not ready:
        st.caption(
            "A name and at least one finished condition are needed." if kind != "manual" else "A name is needed."
        )


def save(draft: Draft, key: str, kind: str, **given: Any) -> None:
    """Creates it, or changes the version that this visit began with. Raises Refused."""
    with actions.engage() as db:
        if draft.segment is None:
            commands.create(db, key, kind=kind, **given, actor=actions.ACTOR, now=actions.now())
        else:
            commands.update(
                db, key, **given, expected_version=draft.segment.version, actor=actions.ACTOR, now=actions.now()
            )


def bring_up_to_date(key: str) -> None:
    """Its members at once, and what to say about that on the next page."""
    with actions.engage() as db:
        report = refresh(db, key, now=actions.now())
    st.session_state["saved"] = (
        f"Saved, but its members are not up to date: {report.problem}"
        if report.problem
        else f"Saved: {report.size:,} people are in it."
    )
    st.cache_data.clear()


def show_newer(segment: commands.Segment) -> None:
    """That somebody else has saved since this visit began."""
    with actions.engage() as db:
        newest = commands.versions(db, segment.key)[0]
    if newest.version == segment.version:
        return
    st.warning(
        f"{newest.created_by} saved version {newest.version} meanwhile; what you see began with version {segment.version} "
        "and will not be saved over it.",
        icon=":material/merge:",
    )
    if st.button("Open the newest version", icon=":material/refresh:"):
        del st.session_state[DRAFT]
        st.rerun()


def show(key: str | None) -> None:
    names, tree_config = offered()
    draft = draft_of(key, tree_config)
    segment = draft.segment
    title(
        segment.title if segment else "New segment",
        f"Version {segment.version}" if segment else "Who should be in it? The count follows while you build.",
    )
    st.page_link("views/segments.py", label="All segments", icon=":material/arrow_back:")
    if segment:
        show_newer(segment)
        kind = segment.kind
    else:
        kind = KINDS[st.segmented_control("Made of", list(KINDS), default="Conditions") or "Conditions"]
    building, looking = st.columns([3, 2], gap="large")
    definition: dict[str, Any] | None = {}
    finished, file = True, None
    with building:
        if kind == "rules":
            definition, finished = build_rules(draft, names, tree_config)
        elif kind == "sql":
            definition = build_sql(segment)
        elif kind != "manual":
            definition, finished = edit_json(segment.definition if segment else {})
        elif segment:
            list_upload.fill_list(segment.key)
        else:
            file = list_upload.ask_file()
    with looking:
        found = show_preview(kind, definition, key) if definition and kind != "manual" else None
        if not definition and kind != "manual":
            empty("Nobody is counted yet", "Add a condition and fill it in.")
        save_form(draft, kind, definition if finished and (found or kind == "manual") else None, file)
    if segment and definition and found and finished and not draft.says_the_same(definition):
        show_difference(segment, definition)


with friendly(), actions.refusals_shown():
    show(st.query_params.get("segment"))
