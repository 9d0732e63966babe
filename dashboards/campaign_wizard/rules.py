"""Step 3: how fast, at which hours, and how often people hear from us."""

from __future__ import annotations

import streamlit as st

from activation.errors import Refused
from dashboards import data
from dashboards.campaign_wizard.draft import Draft
from dashboards.campaign_wizard.fields import keep, key_of
from dashboards.components import words
from dashboards.cron_builder.translate import WEEKDAYS

SECONDS = 60


def ask_rules(draft: Draft) -> str | None:
    """Throttle, caps, priority and hours; returns what is wrong."""
    left, right = st.columns(2, gap="large")
    with left:
        _pace(draft)
        _caps(draft)
    with right:
        _hours(draft)
    try:
        draft.rules()
    except Refused as error:
        return str(error)
    return None


def _pace(draft: Draft) -> None:
    st.subheader("How fast", anchor=False)
    if not keep(draft, "throttled", st.toggle("Spread it out", key=key_of(draft, "throttled"))):
        st.caption("As fast as the provider allows.")
        return
    keep(draft, "per_minute", st.number_input("Messages a minute", 1, 1_000_000, key=key_of(draft, "per_minute")))
    segment = data.one("segments", "one", key=draft.segment) if draft.segment else None
    if segment and segment["size"]:
        st.caption(f"{segment['size']:,} people: takes {words.lasting(segment['size'] * SECONDS / draft.per_minute)}.")


def _caps(draft: Draft) -> None:
    st.subheader("How often", anchor=False)
    for cap in data.records("suppressions", "caps"):
        if cap["channel"] == "email" and cap["is_active"]:
            days = cap["window_hours"] / 24
            st.caption(
                f"Nobody gets more than {cap['most']} marketing mails in any {days:g} days, unless switched off here."
            )
    keep(
        draft,
        "ignores_caps",
        st.toggle("Ignore caps", key=key_of(draft, "ignores_caps"), help="Goes to people who had their share, too."),
    )
    keep(
        draft, "counts_towards_caps",
        st.toggle("Count towards caps", key=key_of(draft, "counts_towards_caps"), help="Off: other campaigns may still write to them."),
    )  # fmt: skip
    keep(
        draft, "priority",
        st.slider("Priority", 0, 100, key=key_of(draft, "priority"), help="When several campaigns want somebody's last mail under the cap, the higher gets it."),
    )  # fmt: skip


def _hours(draft: Draft) -> None:
    st.subheader("At which hours", anchor=False)
    st.caption("Of each recipient's own day. Who is asked to wait gets it in the first minute after.")
    if keep(draft, "quiet", st.toggle("Quiet hours", key=key_of(draft, "quiet"))):
        _span(draft, "quiet_from", "quiet_until", "Quiet from", "until")
    if keep(draft, "windowed", st.toggle("Only within certain hours", key=key_of(draft, "windowed"))):
        _span(draft, "window_from", "window_until", "Send from", "until")
    keep(
        draft, "days",
        st.pills(
            "On", range(1, 8), selection_mode="multi", format_func=lambda day: WEEKDAYS[day - 1][:3], key=key_of(draft, "days"),
        ),
    )  # fmt: skip
    keep(
        draft, "deadline_hours",
        st.number_input(
            "Not later than … hours after its time", 1, 24 * 30, key=key_of(draft, "deadline_hours"),
            help="Who could not be reached within its hours by then is left out.",
        ),
    )  # fmt: skip


def _span(draft: Draft, begin: str, end: str, begin_label: str, end_label: str) -> None:
    left, right = st.columns(2)
    keep(draft, begin, left.time_input(begin_label, key=key_of(draft, begin), step=900))
    keep(draft, end, right.time_input(end_label, key=key_of(draft, end), step=900))
