"""Segments: the list, and one of them with its members and how it is defined."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboards import data
from dashboards.components import charts, words
from dashboards.components.frame import empty, friendly, paginate, title


def show_list() -> None:
    title("Segments", "Who is in which group, as of the last refresh. Entries and exits are kept for ever.")
    segments = data.ask("segments", "list_all")
    if segments.empty:
        empty("No segment yet", "Add a model under `dbt_project/models/segments` and run `engage build`.")
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
    segment_id, size = int(segment["segment_id"]), int(segment["size"] or 0)
    title(str(segment["title"]), str(segment["description"]))
    if segment["problem"]:
        st.warning(f"It keeps its last good membership: {segment['problem']}.", icon=":material/front_hand:")
    sizes = data.ask("segments", "sizes", segment_id=segment_id)
    reach = data.one("segments", "reachable", segment_id=segment_id) or {"reachable": 0}
    figures = st.columns(4)
    figures[0].metric("Members", f"{size:,}", border=True)
    figures[1].metric(
        "Reachable by mail",
        f"{int(reach['reachable']):,}",
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
    members, definition = st.tabs(["Members", "Definition"])
    with members:
        show_members(segment_id, size)
    with definition:
        st.caption(f"{segment['kind']} · {segment['file']}")
        st.code(segment["sql"], language="sql")


with friendly():
    chosen = st.query_params.get("segment")
    if chosen:
        show_one(chosen)
    else:
        show_list()
