"""Pages of a list that is read by "after this row": as quick on page 4,000 as on the first."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboards.data import PAGE_SIZE


def after(key: str, *filters: Any) -> int | None:
    """The row to read after; None at the beginning. Other filters begin anew."""
    place = st.session_state.get(key)
    if place is None or place["filters"] != filters:
        place = st.session_state[key] = {"filters": filters, "trail": []}
    return place["trail"][-1] if place["trail"] else None


def one_more() -> int:
    """How many rows to ask for: one more than is shown, to know whether there is a next page."""
    return PAGE_SIZE + 1


def page(key: str, rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """The rows of this page; draws "earlier" and "further" under what comes next when there are any."""
    shown = rows.head(PAGE_SIZE)
    trail = st.session_state[key]["trail"]
    if trail or len(rows) > PAGE_SIZE:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Back",
                icon=":material/chevron_left:",
                key=f"{key}_back",
                disabled=not trail,
                on_click=_back,
                args=[key],
            )
            st.caption(f"Page {len(trail) + 1}", width="content")
            st.button(
                "Further", icon=":material/chevron_right:", key=f"{key}_further", disabled=len(rows) <= PAGE_SIZE,
                on_click=_further, args=[key, int(shown[by].iloc[-1]) if len(shown) else 0],
            )  # fmt: skip
    return shown


def _back(key: str) -> None:
    st.session_state[key]["trail"].pop()


def _further(key: str, last: int) -> None:
    st.session_state[key]["trail"].append(last)
