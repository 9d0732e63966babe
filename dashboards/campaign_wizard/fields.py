"""Widgets of the wizard's steps: each keeps its value in the draft, so that it is there when somebody comes back."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboards.campaign_wizard.draft import Draft

PREFIX = "wizard_"


def key_of(draft: Draft, name: str) -> str:
    """The widget's key, its state filled from the draft when the widget was not on the page before this run."""
    key = PREFIX + name
    if key not in st.session_state:
        st.session_state[key] = getattr(draft, name)
    return key


def keep(draft: Draft, name: str, value: Any) -> Any:
    """Stores what a widget holds; returns it."""
    setattr(draft, name, value)
    return value


def forget() -> None:
    """Widgets of a draft before: the next ones begin with the new draft's values."""
    for key in [str(key) for key in st.session_state if str(key).startswith(PREFIX)]:
        del st.session_state[key]
