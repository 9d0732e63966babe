"""Dead letters: messages whose fate nobody knows, or that were given up, and sending them again."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboards import data
from dashboards.components import keyset, words
from dashboards.components.frame import empty, friendly, title
from dashboards.components.requeue import confirm_requeue, show_report

MEANING = {
    "unknown": "**Unknown**: the provider did not say whether it took it. Sent again, somebody may get it twice.",
    "dead": "**Dead**: tried as often as is sensible, without an answer that it was taken.",
}


def show_filters(counts: list[dict[str, Any]]) -> dict[str, Any]:
    """What waits, in numbers, and which of it to show."""
    by_state = {state: sum(row["messages"] for row in counts if row["state"] == state) for state in MEANING}
    figures = st.columns(2)
    for figure, (state, meaning) in zip(figures, MEANING.items(), strict=True):
        figure.metric(state.capitalize(), f"{by_state[state]:,}", border=True)
        figure.caption(meaning)
    names = {row["campaign_key"]: row["campaign"] for row in counts}
    left, right = st.columns(2)
    state = left.selectbox("State", list(MEANING), index=None, placeholder="both")
    campaign = right.selectbox("Campaign", list(names), format_func=names.__getitem__, index=None, placeholder="all")
    return {"state": state, "campaign": campaign}


def show_table(rows: pd.DataFrame) -> list[int]:
    """The rows; returns the ids of those that were ticked."""
    shown = pd.DataFrame(
        {
            "Contact": words.contact_links(rows), "Address": rows["address"].map(words.masked), "State": rows["state"],
            "What the provider said": rows["said"], "Attempts": rows["attempts"], "Through": rows["provider"],
            "Campaign": "/campaigns?campaign=" + rows["campaign_key"] + "#" + rows["campaign"], "Since": rows["state_changed_at"].map(words.ago),
        }
    )  # fmt: skip
    link = st.column_config.LinkColumn(display_text=r"#(.*)")
    chosen = st.dataframe(
        shown, hide_index=True, width="stretch", on_select="rerun", selection_mode="multi-row", key="dead_rows",
        column_config={"Contact": link, "Campaign": link, "What the provider said": st.column_config.TextColumn(width="medium")},
    )  # fmt: skip
    return [int(rows["message_id"].iloc[number]) for number in chosen.selection.rows]


with friendly():
    title(
        "Dead letters",
        "Nothing is forgotten: a message that neither left nor failed for certain waits here for a person.",
    )
    show_report()
    counts = data.records("delivery", "dead_counts")
    if not counts:
        empty("No dead letters", "Every message was sent, left out for a reason, or is on its way.")
    else:
        filters = show_filters(counts)
        found = data.ask(
            "delivery", "dead", after=keyset.after("dead_place", *filters.values()), limit=keyset.one_more(), **filters
        )
        if found.empty:
            st.caption("None of these.")
        else:
            ticked = show_table(keyset.page("dead_place", found, "message_id"))
            if st.button(
                f"Send {len(ticked):,} again …" if ticked else "Tick those to send again",
                disabled=not ticked,
                icon=":material/replay:",
            ):
                confirm_requeue(ticked)
