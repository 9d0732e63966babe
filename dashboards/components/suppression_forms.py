"""Adding to the suppression list, lifting from it, and importing a file."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from activation.compliance import suppression, suppression_files
from dashboards import actions
from dashboards.components import words

REPORT = "suppression_report"


def add_form() -> None:
    """One address, with the reason why a person adds it."""
    with st.form("suppress"):
        address = st.text_input("Mail address", placeholder="ada@example.com")
        because = st.text_input("Why", placeholder="asked by telephone not to be written to")
        if not st.form_submit_button("Add", type="primary", icon=":material/block:"):
            return
    with actions.refusals_shown():
        with actions.engage() as db, db.transaction():
            added = suppression.add(
                db, channel="email", address=address, reason="manual", source="screen", evidence={"because": because.strip()},
                actor=actions.ACTOR, now=actions.now(),
            )  # fmt: skip
        _done("Added: nothing is sent there any more." if added.changed else "It was on the list already.")


@st.dialog("Lift this suppression?")
def confirm_lift(row: dict[str, Any]) -> None:
    """The reason is kept beside it."""
    st.markdown(
        f"**{words.masked(row['address'])}** is suppressed because: {words.SUPPRESSIONS[row['reason']]}. "
        "Once lifted, campaigns write to it again where it has consented."
    )
    because = st.text_input(
        "Why it may be lifted", placeholder="asked in writing to hear from us again", key="lift_because"
    )
    if st.button("Lift", type="primary", disabled=not because.strip()):
        with actions.refusals_shown():
            with actions.engage() as db, db.transaction():
                suppression.lift(db, row["suppression_id"], because=because, actor=actions.ACTOR, now=actions.now())
            _done("Lifted: it is kept on the list as history.")


def import_form() -> None:
    """A file of addresses; rows that are wrong are listed, the others go through."""
    st.caption(
        "A CSV with a column `email`. A column `reason` overrules the reason chosen here. Importing it again changes nothing."
    )
    reason = st.selectbox(
        "Reason", suppression_files.IMPORTABLE, index=suppression_files.IMPORTABLE.index("manual"), key="import_reason",
        format_func=words.SUPPRESSIONS.__getitem__,
    )  # fmt: skip
    file = st.file_uploader("File", type=["csv", "txt"], label_visibility="collapsed")
    if file is None or not st.button("Import", type="primary", icon=":material/upload:"):
        return
    with actions.refusals_shown():
        with actions.engage() as db, db.transaction():
            report = suppression_files.import_csv(
                db,
                file.getvalue(),
                channel="email",
                reason=reason,
                source=f"file {file.name}",
                actor=actions.ACTOR,
                now=actions.now(),
            )
        said = f"{report.rows:,} rows: {report.added:,} added, {report.already:,} were on the list, {report.wrong:,} not taken."
        _done(said, report.problems)


def show_report() -> None:
    """What the action before this run did."""
    said, problems = st.session_state.pop(REPORT, (None, []))
    if said:
        st.success(said, icon=":material/check:")
    if problems:
        rows = pd.DataFrame(
            [{"Line": it.line, "Address": words.masked(it.value), "Why not": it.message} for it in problems]
        )
        st.warning("Rows that were not taken. Each says why.", icon=":material/rule:")
        st.dataframe(rows, hide_index=True, width="stretch")


def _done(said: str, problems: list[Any] | None = None) -> None:
    st.session_state[REPORT] = (said, problems or [])
    st.cache_data.clear()
    st.rerun()
