"""Step 1: who gets it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboards import data
from dashboards.campaign_wizard.draft import Draft
from dashboards.campaign_wizard.fields import keep, key_of


def ask_audience(draft: Draft) -> str | None:
    """Name, segment, exclusions, hold-out and topic; returns what is missing."""
    segments = {row["key"]: row for row in data.records("campaigns", "audiences")}
    topics = {row["key"]: row["name"] for row in data.records("campaigns", "topics")}
    keep(draft, "name", st.text_input("Name of the campaign", placeholder="Spring news", key=key_of(draft, "name")))

    def said(key: str) -> str:
        size = segments[key]["size"]
        return f"{segments[key]['title']} · {'not counted yet' if size is None else f'{size:,}'}"

    keep(
        draft, "segment",
        st.selectbox("Segment", list(segments), format_func=said, placeholder="Who gets it", index=None, key=key_of(draft, "segment")),
    )  # fmt: skip
    _size(draft, segments)
    others = [key for key in segments if key != draft.segment]
    draft.excluded = [key for key in draft.excluded if key in others]
    keep(
        draft, "excluded",
        st.multiselect("But nobody who is in", others, format_func=said, placeholder="no exclusion", key=key_of(draft, "excluded")),
    )  # fmt: skip
    left, right = st.columns(2)
    keep(
        draft, "topic",
        left.selectbox(
            "Topic", list(topics), index=None, format_func=topics.__getitem__, placeholder="mail as a whole", key=key_of(draft, "topic"),
            help="Who has left this topic in the preference centre does not get it.",
        ),
    )  # fmt: skip
    keep(
        draft, "holdout",
        right.number_input(
            "Held out, %", 0.0, 100.0, step=1.0, format="%g", key=key_of(draft, "holdout"),
            help="This share never gets it and is measured all the same: the difference is what the campaign brings.",
        ),
    )  # fmt: skip
    if not segments:
        return "There is no segment yet: `engage run` builds the first ones."
    return None if draft.name.strip() and draft.segment else "A name and a segment are needed."


def _size(draft: Draft, segments: dict[str, dict[str, Any]]) -> None:
    if not draft.segment:
        return
    segment = segments[draft.segment]
    people, reachable = st.columns(2)
    people.metric(
        "In the segment", "not counted yet" if segment["size"] is None else f"{segment['size']:,}", border=True
    )
    reachable.metric(
        "Reachable by mail",
        f"{data.reachable(segment['segment_id']):,}",
        border=True,
        help="valid address, opted in, not suppressed",
    )
    if segment["problem"]:
        st.warning(f"This segment is not up to date: {segment['problem']}", icon=":material/warning:")
