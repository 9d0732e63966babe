"""Step 4: when it goes out."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards import actions
from dashboards.campaign_wizard.draft import AUTOMATION, BROADCAST, Draft
from dashboards.campaign_wizard.fields import PREFIX, keep, key_of
from dashboards.components.cron_builder import cron_builder, zones

KINDS = {BROADCAST: "Once", AUTOMATION: "Again and again"}
NOW, LATER = "At once, when it is launched", "At a time"


def ask_schedule(draft: Draft) -> str | None:
    """A broadcast now or at a time, or an automation; returns what is missing."""
    if draft.key is None:
        chosen = st.segmented_control(
            "It goes out", list(KINDS), format_func=KINDS.__getitem__, key=key_of(draft, "kind"), required=True
        )
        keep(draft, "kind", chosen)
    else:
        st.caption(
            f"It goes out {KINDS[draft.kind].lower()}: that was settled when it was saved. To change it, begin anew."
        )
    if draft.kind == AUTOMATION:
        draft.cron, draft.time_zone = cron_builder(
            f"{PREFIX}cron", draft.cron or "0 9 * * 1", draft.time_zone, actions.now()
        )
        return None if draft.cron else "The expression has to be mended first."
    return _ask_time(draft)


def _ask_time(draft: Draft) -> str | None:
    if f"{PREFIX}when" not in st.session_state:
        st.session_state[f"{PREFIX}when"] = LATER if draft.at else NOW
    if st.radio("When", [NOW, LATER], key=f"{PREFIX}when", label_visibility="collapsed") == NOW:
        draft.at = None
        return None
    left, right = st.columns(2)
    keep(draft, "time_zone", right.selectbox("Time zone", zones(draft.time_zone), key=key_of(draft, "time_zone")))
    here = actions.now().astimezone(ZoneInfo(draft.time_zone)).replace(tzinfo=None)
    if draft.at is None:
        draft.at = (here + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
    keep(draft, "at", left.datetime_input("Time", key=key_of(draft, "at")))
    if draft.at is None or draft.at <= here:
        return "That time has passed."
    return None
