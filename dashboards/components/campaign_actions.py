"""What a person may do to a campaign, each behind a dialog that says what will happen."""

from __future__ import annotations

from typing import Any

import streamlit as st

from activation.campaigns import commands
from dashboards import actions

# which buttons a state offers; a command refuses what came too late
OFFERED = {
    "draft": ("edit", "cancel"), "scheduled": ("edit", "pause", "cancel"), "preparing": ("pause", "cancel"),
    "sending": ("pause", "cancel"), "paused": ("resume", "cancel"), "stopped_by_guard": ("resume", "cancel"),
}  # fmt: skip


def show_actions(campaign: dict[str, Any], waiting: int) -> None:
    """A row of buttons for the state that the campaign is in."""
    offered = OFFERED.get(campaign["state"], ())
    if campaign["state"] == "scheduled" and campaign["state_reason"]:
        offered += ("resume",)  # an automation goes on with its next time while a run of it is held
    with st.container(horizontal=True):
        if "edit" in offered and campaign["kind"] != "triggered":
            label = "Go on to launch" if campaign["state"] == "draft" else "Change"
            if st.button(
                label, icon=":material/edit:", type="primary" if campaign["state"] == "draft" else "secondary"
            ):
                st.switch_page("views/campaign_wizard.py", query_params={"campaign": campaign["key"]})
        if "pause" in offered and st.button("Pause …", icon=":material/pause:"):
            confirm_pause(campaign)
        if "resume" in offered and st.button("Resume …", icon=":material/play_arrow:", type="primary"):
            confirm_resume(campaign, waiting)
        if st.button("Clone …", icon=":material/content_copy:"):
            ask_clone(campaign)
        if "cancel" in offered and st.button("Cancel …", icon=":material/cancel:"):
            confirm_cancel(campaign, waiting)


@st.dialog("Pause this campaign?")
def confirm_pause(campaign: dict[str, Any]) -> None:
    st.markdown(
        f"Nothing new of **{campaign['name']}** leaves within a second. Messages already handed to the provider finish. "
        "Resume goes on where it stopped: nobody is left out, and nobody gets it twice."
    )
    if st.button("Pause", type="primary"):
        with actions.refusals_shown(), actions.engage() as db:
            commands.pause(db, campaign["key"], now=actions.now())
            _done(campaign["key"])


@st.dialog("Resume this campaign?")
def confirm_resume(campaign: dict[str, Any], waiting: int) -> None:
    if campaign["state_reason"]:
        st.warning(f"It was held: {campaign['state_reason']}", icon=":material/front_hand:")
    st.markdown(
        f"**{waiting:,}** messages of **{campaign['name']}** are waiting and will leave."
        if waiting or campaign["state"] == "paused"
        else f"No message of **{campaign['name']}** is waiting. A run that was held before it took its audience takes it now."
    )
    if st.button("Resume", type="primary"):
        with actions.refusals_shown(), actions.engage() as db:
            commands.resume(db, campaign["key"], now=actions.now())
            _done(campaign["key"])


@st.dialog("Cancel this campaign for good?")
def confirm_cancel(campaign: dict[str, Any], waiting: int) -> None:
    st.markdown(
        f"**{waiting:,}** messages that wait will never leave, and **{campaign['name']}** cannot be resumed. "
        "To send it again, clone it."
    )
    if st.text_input(f"Type **{campaign['key']}** to confirm", key="typed_cancel").strip() != campaign["key"]:
        st.button("Cancel the campaign", disabled=True)
    elif st.button("Cancel the campaign", type="primary"):
        with actions.refusals_shown(), actions.engage() as db:
            commands.cancel(db, campaign["key"], now=actions.now())
            _done(campaign["key"])


@st.dialog("Clone this campaign")
def ask_clone(campaign: dict[str, Any]) -> None:
    st.markdown("The copy is a draft with the same audience, template and rules, to be looked through and launched.")
    name = st.text_input("Name of the copy", f"{campaign['name']} (copy)")
    if st.button("Clone", type="primary", disabled=not name.strip()):
        with actions.refusals_shown(), actions.engage() as db:
            copy = commands.clone(db, campaign["key"], name=name, actor=actions.ACTOR, now=actions.now())
            _done(copy.key)


def _done(key: str) -> None:
    st.cache_data.clear()
    st.switch_page("views/campaigns.py", query_params={"campaign": key})
