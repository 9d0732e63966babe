"""The frequency caps: the most marketing messages that anybody gets in a time."""

from __future__ import annotations

from typing import Any

import streamlit as st

from activation.compliance import frequency
from dashboards import actions, data
from dashboards.components import words

HOURS_OF_A_DAY = 24


def show_caps() -> None:
    """A form per channel."""
    st.caption(
        "Counted in any such span, not from midnight. Transactional messages and tests are never counted nor held back."
    )
    for cap in data.records("suppressions", "caps"):
        _cap(cap)


def _cap(cap: dict[str, Any]) -> None:
    with st.form(f"cap_{cap['channel']}"):
        st.markdown(f"**{cap['channel'].capitalize()}**")
        left, right = st.columns(2)
        most = left.number_input("Marketing messages, at most", 0, 1000, value=cap["most"])
        days = right.number_input("in any … days", 0.5, 366.0, value=cap["window_hours"] / HOURS_OF_A_DAY, step=0.5)
        is_active = st.toggle("Holds", value=cap["is_active"])
        st.caption(f"Set by {cap['updated_by']}, {words.local(cap['updated_at'])}")
        if st.form_submit_button("Save", type="primary"):
            with actions.refusals_shown():
                with actions.engage() as db, db.transaction():
                    frequency.set_cap(
                        db, cap["channel"], most=int(most), window_hours=round(days * HOURS_OF_A_DAY), is_active=is_active,
                        actor=actions.ACTOR, now=actions.now(),
                    )  # fmt: skip
                st.cache_data.clear()
                st.rerun()
