"""The providers of mail: whether each is used, why not, and how much it has left."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboards import data
from dashboards.components import words

BREAKERS = {
    "closed": ("green", "well"), "open": ("red", "not used just now"), "half_open": ("orange", "being tried again"),
}  # fmt: skip
POLICIES = {
    "treat_as_sent": "after 48 h without word: counted as sent", "send_again": "after 48 h without word: sent again",
    "ask": "without word: waits for a person",
}  # fmt: skip


def show_providers() -> None:
    """A card per provider, those in use first."""
    providers = data.records("delivery", "providers")
    st.subheader("Providers", anchor=False)
    if not providers:
        st.caption(
            "None was used yet: they are listed here from the first run on. `engage provider list` shows which have a key."
        )
        return
    for first in range(0, len(providers), 2):
        for place, provider in zip(st.columns(2), providers[first : first + 2], strict=False):
            with place.container(border=True):
                _card(provider)


def _card(provider: dict[str, Any]) -> None:
    colour, meaning = BREAKERS[provider["breaker"]]
    if not provider["is_active"]:
        colour, meaning = "gray", "switched off"
    st.markdown(f"**{provider['provider']}** :{colour}-badge[{meaning}]")
    st.caption(f"{provider['channel']} · priority {provider['priority']} · {POLICIES[provider['unknown_policy']]}")
    if provider["breaker"] != "closed" and provider["reason"]:
        until = f" It is tried again at {words.local(provider['open_until'])}." if provider["open_until"] else ""
        st.markdown(f":red[:material/error:] {words.plain(provider['reason'])}.{until}")
    if provider["held_until"] and provider["held_until"] > words.now():
        st.markdown(
            f":orange[:material/hourglass_top:] It asked for a break until {words.local(provider['held_until'])}."
        )
    st.markdown(
        f"Last good answer {words.ago(provider['last_good_at'])} · last bad one {words.ago(provider['last_bad_at'])}"
        + (f": {words.plain(provider['last_problem'])}" if provider["last_problem"] else "")
    )
    _quota(provider)


def _quota(provider: dict[str, Any]) -> None:
    rate = (
        f"up to {provider['requests_per_second']:g} requests a second"
        if provider["requests_per_second"]
        else "as fast as it answers"
    )
    if provider["daily_limit"]:
        used, limit = int(provider["used_today"]), int(provider["daily_limit"])
        st.progress(min(1.0, used / limit), text=f"{used:,} of {limit:,} messages today · {rate}")
    else:
        st.caption(f"{provider['used_today']:,} messages today · no daily limit · {rate}")
