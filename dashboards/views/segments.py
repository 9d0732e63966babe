"""Segments: the list, and one of them with its members and how it is defined."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import streamlit as st

from activation.segments import commands
from activation.segments.explain import why
from dashboards import actions, data
from dashboards.components import charts, words
from dashboards.components.explanation import outline, show_explanation
from dashboards.components.frame import empty, friendly, paginate, title


def show_list() -> None:
    title("Segments", "Who is in which group, as of the last refresh. Entries and exits are kept for ever.")
    st.page_link("views/segment_builder.py", label="New segment", icon=":material/add_circle:")
    segments = data.ask("segments", "list_all")
    if segments.empty:
        empty(
            "No segment yet",
            "Make one above, or add a model under `dbt_project/models/segments` and run `engage build`.",
        )
        return
    shown = pd.DataFrame(
        {
            "Segment": "?segment=" + segments["key"] + "#" + segments["title"],
            "Members": segments["size"].astype("Int64"),
            "Entered": segments["entered"].astype("Int64"),
            "Left": segments["exited"].astype("Int64"),
            "Kind": segments["kind"],
            "Owner": segments["owner"],
            "Refreshed": segments["refreshed_at"].map(words.ago),
            "Remark": [
                f"kept as it was: {problem}" if isinstance(problem, str) else "" for problem in segments["problem"]
            ],
        }
    )
    st.dataframe(
        shown, hide_index=True, width="stretch",
        column_config={
            "Segment": st.column_config.LinkColumn(display_text=r"#(.*)", width="medium"),
            "Members": st.column_config.NumberColumn(format="localized"),
            "Entered": st.column_config.NumberColumn(help="at the last refresh"),
            "Left": st.column_config.NumberColumn(help="at the last refresh"),
        },
    )  # fmt: skip


def show_members(segment_id: int, size: int) -> None:
    offset = paginate(size, data.PAGE_SIZE, "members_page")
    rows = data.ask("segments", "members", segment_id=segment_id, limit=data.PAGE_SIZE, offset=offset)
    if rows.empty:
        empty("Nobody is in it", "Members appear after a refresh, when somebody fits the definition.")
        return
    shown = pd.DataFrame(
        {
            "Contact": words.contact_links(rows),
            "Email": rows["email"], "City": rows["city"], "Country": rows["country"], "Plan": rows["plan"],
            "Spent": rows["lifetime_value"].astype(float), "In since": rows["entered_at"].map(words.local),
        }
    )  # fmt: skip
    config = {
        "Contact": st.column_config.LinkColumn(display_text=r"#(.*)"),
        "Spent": st.column_config.NumberColumn(format="localized"),
    }
    st.dataframe(shown, hide_index=True, width="stretch", column_config=config)


def show_one(key: str) -> None:
    st.page_link("views/segments.py", label="All segments", icon=":material/arrow_back:")
    segment = data.one("segments", "one", key=key)
    if segment is None:
        empty(f"There is no segment {key}", "It may have been removed. Choose one from the list.")
        return
    if saved := st.session_state.pop("saved", None):
        st.toast(saved, icon=":material/check:")
    segment_id, size = int(segment["segment_id"]), int(segment["size"] or 0)
    title(str(segment["title"]), str(segment["description"]))
    if segment["problem"]:
        st.warning(f"It keeps its last good membership: {segment['problem']}.", icon=":material/front_hand:")
    sizes = data.ask("segments", "sizes", segment_id=segment_id)
    figures = st.columns(4)
    figures[0].metric("Members", f"{size:,}", border=True)
    figures[1].metric(
        "Reachable by mail",
        f"{data.reachable(segment_id):,}",
        border=True,
        help="valid address, opted in, not suppressed",
    )
    figures[2].metric("Entered, last refresh", f"{int(sizes['entered'].iloc[0]) if len(sizes) else 0:,}", border=True)
    figures[3].metric("Left, last refresh", f"{int(sizes['exited'].iloc[0]) if len(sizes) else 0:,}", border=True)
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("Size", anchor=False)
        charts.trend(words.local_columns(sizes, "measured_at"), "measured_at", "size", "Members", height=220)
    with right:
        st.subheader("Used by", anchor=False)
        campaigns = data.ask("segments", "campaigns", segment_id=segment_id)
        if campaigns.empty:
            st.caption("No campaign uses it yet.")
        for campaign in campaigns.itertuples():
            st.markdown(
                f"[{campaign.name}](/campaigns?campaign={campaign.key}) {words.badge(campaign.state)} {campaign.kind}"
            )
        st.caption(
            f"Refreshed {segment['refresh']} · last {words.local(segment['refreshed_at'])} · owner {segment['owner'] or '–'}"
        )
    members, reasons, changes, overlap, definition = st.tabs(
        ["Members", "Why?", "Entries and exits", "Overlap", "Definition"]
    )
    with members:
        show_members(segment_id, size)
    with reasons:
        ask_why(key)
    with changes:
        show_changes(sizes)
    with overlap:
        show_overlap(segment_id, size)
    with definition:
        show_definition(segment)


def ask_why(key: str) -> None:
    """Each condition for one contact."""
    words_given = st.text_input("A contact's id or mail address", placeholder="42 or ada@example.com")
    if not words_given.strip():
        st.caption("Each condition is shown with the value found and whether it is true.")
        return
    contact = data.one("segments", "contact_by", words=words_given.strip())
    if contact is None:
        st.info(f"There is no contact {words_given}.", icon=":material/person_off:")
        return
    st.markdown(
        f"[{contact['full_name'] or contact['email'] or contact['contact_id']}](/contacts?contact={contact['contact_id']})"
    )
    with actions.refusals_shown(), actions.engage() as db:
        show_explanation(why(db, key, int(contact["contact_id"]), at=actions.now()))


def show_changes(sizes: pd.DataFrame) -> None:
    """Entries upwards, exits downwards."""
    moved = sizes[(sizes["entered"] > 0) | (sizes["exited"] > 0)] if len(sizes) else sizes
    if moved.empty:
        empty("Nobody has come or gone yet", "Entries and exits appear after refreshes.")
        return
    charts.entries_and_exits(words.local_columns(moved, "measured_at"))


def show_overlap(segment_id: int, size: int) -> None:
    """Of each other segment, how many are in this one as well."""
    shared = data.ask("segments", "overlap", segment_id=segment_id)
    if shared.empty:
        empty("No overlap", "Nobody of this segment is in another one.")
        return
    shown = pd.DataFrame(
        {
            "Segment": "?segment=" + shared["key"] + "#" + shared["title"],
            "In both": shared["members"].astype(int),
            "Of this segment": shared["members"].astype(float) / max(size, 1) * 100,
            "Of the other": shared["members"].astype(float) / shared["size"].astype(float).clip(lower=1) * 100,
        }
    )
    share = {"min_value": 0, "max_value": 100, "format": "%.0f %%"}
    st.dataframe(
        shown, hide_index=True, width="stretch",
        column_config={
            "Segment": st.column_config.LinkColumn(display_text=r"#(.*)", width="medium"),
            "In both": st.column_config.NumberColumn(format="localized"),
            "Of this segment": st.column_config.ProgressColumn(**share),
            "Of the other": st.column_config.ProgressColumn(**share),
        },
    )  # fmt: skip


def show_definition(segment: dict[str, Any]) -> None:
    """How it is defined, its versions, and taking it out of use."""
    if segment["kind"] == "dbt":
        st.caption(f"dbt model · {segment['file']}")
        st.code(segment["sql"], language="sql")
        return
    st.page_link(
        "views/segment_builder.py", label="Change it", icon=":material/edit:", query_params={"segment": segment["key"]}
    )
    show_versions(int(segment["segment_id"]))
    if st.button("Delete …", icon=":material/delete:"):
        confirm_delete(str(segment["key"]), str(segment["title"]))


def show_versions(segment_id: int) -> None:
    """The definition as it is, and as it was: the newest version unless another is chosen."""
    versions = data.records("segments", "versions", segment_id=segment_id)
    if not versions:
        return
    by_number = {int(row["version"]): row for row in versions}

    def said(number: int) -> str:
        return f"{number} · {words.local(by_number[number]['created_at'])} · {by_number[number]['created_by']}"

    definition = by_number[st.selectbox("Version", list(by_number), format_func=said)]["definition"]
    if "where" in definition:
        st.markdown(outline(definition))
    if "sql" in definition:
        st.code(definition["sql"], language="sql")
    elif definition:
        with st.expander("As JSON", icon=":material/data_object:"):
            st.code(json.dumps(definition, indent=2, ensure_ascii=False), language="json")


@st.dialog("Delete this segment?")
def confirm_delete(key: str, name: str) -> None:
    st.markdown(
        f"Everybody leaves **{name}**. Its history stays. A segment that an active campaign or another segment uses cannot be deleted."
    )
    if st.button("Delete", type="primary"):
        with actions.refusals_shown(), actions.engage() as db:
            commands.delete(db, key, actor=actions.ACTOR, now=actions.now())
            st.cache_data.clear()
            st.switch_page("views/segments.py")


with friendly():
    chosen = st.query_params.get("segment")
    if chosen:
        show_one(chosen)
    else:
        show_list()
