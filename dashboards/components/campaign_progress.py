"""How far a campaign is: messages by state, and the proof that everybody who was targeted is in exactly one."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboards import data
from dashboards.components import words

OPEN = ("scheduled", "preparing", "sending")
REFRESH_SECONDS = 2
# the states that add up to who was targeted; delivered and bounced are part of sent
LEDGER = ("sent", "queued", "claimed", "skipped", "failed", "cancelled", "unknown", "dead")


def show_progress(key: str, campaign_id: int, state: str) -> None:
    """Draws itself anew every two seconds while the campaign is open; the page follows when its state changes."""
    every = REFRESH_SECONDS if state in OPEN else None
    st.fragment(_progress, run_every=every)(key, campaign_id, state)


def _progress(key: str, campaign_id: int, state: str) -> None:
    now = data.as_records(data.ask_now("campaigns", "now", key=key))
    if not now or now[0]["state"] != state:
        st.rerun()
    counted = data.as_records(data.ask_now("campaigns", "ledger", campaign_id=campaign_id, run=None))[0]
    if now[0]["problem"]:
        st.warning(f"Held up just now: {now[0]['problem']}", icon=":material/hourglass_top:")
    if not counted["targeted"]:
        return
    _bar(state, counted, now[0])
    show_ledger(counted)


def _bar(state: str, counted: dict[str, Any], now: dict[str, Any]) -> None:
    """What still has to leave, and how long that takes under the throttle."""
    waiting = counted["queued"] + counted["claimed"]
    if not waiting or state not in (*OPEN, "paused"):
        return
    left = ""
    if now["messages_per_minute"] and state != "paused":
        left = (
            f" · {words.lasting(waiting * 60 / now['messages_per_minute'])} at {now['messages_per_minute']:,} a minute"
        )
    settled = counted["targeted"] - waiting
    st.progress(settled / counted["targeted"], text=f"**{counted['sent']:,} sent** · {waiting:,} still to leave{left}")


def show_ledger(counted: dict[str, Any]) -> None:
    """`1,000 targeted = 970 sent + 30 skipped`: green when it adds up, red when somebody is missing."""
    listed = " + ".join(f"{counted[state]:,} {state}" for state in LEDGER if counted[state])
    if counted["adds_up"]:
        st.markdown(f":green[:material/check_circle:] {counted['targeted']:,} targeted = {listed}")
    else:
        st.markdown(f":red[:material/error:] {counted['targeted']:,} targeted, but {listed}: run `engage doctor`")
