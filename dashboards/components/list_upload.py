"""Uploading contacts to a list, and what became of each row."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from activation.segments import lists
from activation.segments.refresh import refresh
from dashboards import actions

MODES = {"add": "added", "replace": "the whole list", "remove": "taken off"}
REPORT = "list_report"


def ask_file() -> bytes | None:
    """The content of the file that was chosen."""
    file = st.file_uploader("A CSV with a column contact_id, crm_customer_id or email", type=["csv", "txt", "tsv"])
    return None if file is None else file.getvalue()


def fill_list(key: str) -> None:
    """The form of a list that is there already."""
    show_report()
    content = ask_file()
    mode = st.segmented_control("The file's people are", list(MODES), default="add", format_func=MODES.get)
    if content is not None and mode and st.button("Upload", icon=":material/upload:", type="primary"):
        with actions.refusals_shown():
            take(key, lists.read_csv(content), mode)
            st.rerun()


def take(key: str, content: lists.Upload, mode: str = "add") -> None:
    """Puts the rows on the list and refreshes it; the report is shown by the next run. Raises Refused."""
    with actions.engage() as db:
        st.session_state[REPORT] = lists.upload(db, key, content, mode=mode, actor=actions.ACTOR, now=actions.now())  # type: ignore[arg-type]
        refresh(db, key, now=actions.now(), accept_jump=True)
    st.cache_data.clear()


def show_report() -> None:
    """What the upload before this run did."""
    report = st.session_state.pop(REPORT, None)
    if report is None:
        return
    st.success(
        f"{report.rows:,} rows: {report.added:,} added, {report.removed:,} taken off, {report.already:,} were there.",
        icon=":material/upload_file:",
    )
    if report.problems:
        problems = pd.DataFrame([vars(each) for each in report.problems])
        st.warning(f"{len(report.problems):,} rows were not taken. Each says why.", icon=":material/rule:")
        st.dataframe(problems, hide_index=True, width="stretch")
        st.download_button("Those rows as CSV", problems.to_csv(index=False), "rows-not-taken.csv", "text/csv")
