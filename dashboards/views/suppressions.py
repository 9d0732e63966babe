"""Suppressions: who must not be written to and why; adding, lifting, importing; and how often anybody may hear from us."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboards import data
from dashboards.components import keyset, words
from dashboards.components.caps import show_caps
from dashboards.components.frame import friendly, title
from dashboards.components.suppression_forms import add_form, confirm_lift, import_form, show_report

DIGITS_OF_A_BIGINT = 19


def show_counts() -> None:
    """How many by reason, in words."""
    counts = data.records("suppressions", "counts")
    if not counts:
        st.caption("Nobody is suppressed.")
        return
    listed = " · ".join(f"**{row['suppressions']:,}** {words.SUPPRESSIONS[row['reason']]}" for row in counts)
    st.markdown(listed)


def ask_filters() -> dict[str, Any]:
    left, middle, right = st.columns([3, 2, 1], vertical_alignment="bottom")
    text = left.text_input("Search", placeholder="how the address begins, or the number of a contact").strip() or None
    reason = middle.selectbox(
        "Reason", list(words.SUPPRESSIONS), format_func=words.SUPPRESSIONS.__getitem__, index=None, placeholder="any"
    )
    number = int(text) if text and text.isdecimal() and len(text) < DIGITS_OF_A_BIGINT else None
    return {"text": text, "id": number, "reason": reason, "with_lifted": right.toggle("Lifted, too")}


def standing(row: Any) -> str:
    """Whether it still holds."""
    if pd.notna(row.lifted_at):
        return f"lifted by {row.lifted_by}: {row.lifted_because}"
    if pd.notna(row.expires_at):
        return f"{'ended' if row.is_expired else 'until'} {words.local(row.expires_at)}"
    return "for good"


def show_table(rows: pd.DataFrame) -> int | None:
    """The rows; returns the place of the one that was ticked."""
    reasons = rows["reason"].map(words.SUPPRESSIONS) + rows["topic"].map(
        lambda it: f": {it}" if isinstance(it, str) else ""
    )
    shown = pd.DataFrame(
        {
            "Address": rows["address"].map(words.masked),
            "Contact": [f"/contacts?contact={it}#{name or f'No. {it}'}" if it else None for it, name in zip(rows["contact_id"], rows["full_name"], strict=True)],
            "Why": reasons, "Channel": rows["channel"], "Told by": rows["source"], "Since": rows["created_at"].map(words.local),
            "Holds": [standing(row) for row in rows.itertuples()],
        }
    )  # fmt: skip
    chosen = st.dataframe(
        shown, hide_index=True, width="stretch", on_select="rerun", selection_mode="single-row", key="suppression_rows",
        column_config={"Contact": st.column_config.LinkColumn(display_text=r"#(.*)")},
    )  # fmt: skip
    return chosen.selection.rows[0] if chosen.selection.rows else None


def show_list() -> None:
    show_counts()
    filters = ask_filters()
    found = data.ask(
        "suppressions",
        "search",
        after=keyset.after("suppression_place", *filters.values()),
        limit=keyset.one_more(),
        **filters,
    )
    if found.empty:
        st.caption("Nobody fits these filters.")
        return
    shown = keyset.page("suppression_place", found, "suppression_id")
    ticked = show_table(shown)
    row = None if ticked is None else data.as_records(shown)[ticked]
    may_lift = row is not None and row["lifted_at"] is None
    if st.button("Lift …" if may_lift else "Tick one to lift it", disabled=not may_lift, icon=":material/lock_open:"):
        confirm_lift(row)


with friendly():
    title("Suppressions", "Who is on this list is never written to, whatever a campaign says.")
    show_report()
    listed, adding, importing, caps = st.tabs(["The list", "Add", "Import", "How often"])
    with listed:
        show_list()
    with adding:
        add_form()
    with importing:
        import_form()
    with caps:
        show_caps()
