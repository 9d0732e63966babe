"""Sending dead letters again, and what became of that."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from activation.delivery import dead_letters
from dashboards import actions


@st.dialog("Send these again?")
def confirm_requeue(message_ids: list[int]) -> None:
    st.markdown(
        f"**{len(message_ids):,}** messages go out again. While the provider remembers a message's key, its whole batch goes again "
        "under that key, and nobody gets it twice."
    )
    doubles = st.checkbox(
        "Also those whose key the provider has forgotten: somebody may get the mail twice", key="accept_doubles"
    )
    if st.button("Send again", type="primary"):
        with actions.refusals_shown():
            with actions.engage() as db:
                report = dead_letters.requeue(
                    db, message_ids, actor=actions.ACTOR, now=actions.now(), accept_doubles=doubles
                )
            st.session_state["requeued"] = report
            st.cache_data.clear()
            st.rerun()


def show_report() -> None:
    """What became of the last requeue."""
    report = st.session_state.pop("requeued", None)
    if report is None:
        return
    if report.requeued:
        st.success(
            f"{report.requeued:,} go again: {report.same_key:,} under the same key, {report.new_key:,} under a new one.",
            icon=":material/replay:",
        )
    for reason, number in Counter(report.refused.values()).items():
        st.warning(f"{number:,} stay: {reason}.", icon=":material/block:")
