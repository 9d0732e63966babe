"""A campaign or automation in five steps: audience, content, rules, schedule, review; nothing leaves before the launch."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from activation.campaigns.dry_run import DryRun
from dashboards import actions, data
from dashboards.campaign_wizard.audience import ask_audience
from dashboards.campaign_wizard.content import ask_content
from dashboards.campaign_wizard.draft import BROADCAST, Draft
from dashboards.campaign_wizard.fields import forget
from dashboards.campaign_wizard.review import (
    check_anew,
    confirm_changes,
    confirm_launch,
    leave,
    save,
    save_changes,
    show_review,
)
from dashboards.campaign_wizard.rules import ask_rules
from dashboards.campaign_wizard.schedule import ask_schedule
from dashboards.components import words
from dashboards.components.frame import empty, friendly, title

STEPS: dict[str, Callable[[Draft], str | None]] = {
    "Audience": ask_audience, "Content": ask_content, "Rules": ask_rules, "Schedule": ask_schedule,
}  # fmt: skip
REVIEW = len(STEPS)


def draft_of(key: str | None) -> Draft | None:
    """The draft of this visit: what the session holds, else the campaign of a key; None when it cannot be changed.

    Without a key it is a new campaign: what was typed before is kept while it was never saved.
    """
    held = st.session_state.get("wizard_draft")
    if held is not None and held.key == key:
        return held
    forget()
    draft = Draft(str(words.zone()))
    if key is not None:
        row = data.one("campaigns", "settings", key=key)
        if row is None or row["segment"] is None:
            return None
        draft = Draft.of(row, actions.now())
    st.session_state["wizard_draft"] = draft
    return draft


def show_steps(draft: Draft) -> None:
    """Where one is; a click goes to a step that was reached before."""
    names = [*STEPS, "Review"]
    st.progress(
        (draft.step + 1) / len(names),
        text=" → ".join(f"**{name}**" if at == draft.step else name for at, name in enumerate(names)),
    )


def go(draft: Draft, step: int) -> None:
    draft.step = step


def show_step(draft: Draft) -> None:
    """One of the first four steps, with the way back and on."""
    name = list(STEPS)[draft.step]
    st.subheader(name, anchor=False)
    missing = STEPS[name](draft)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Back", icon=":material/arrow_back:", on_click=go, args=[draft, draft.step - 1], disabled=draft.step == 0
        )
        st.button(
            "Next",
            icon=":material/arrow_forward:",
            type="primary",
            on_click=go,
            args=[draft, draft.step + 1],
            disabled=bool(missing),
        )
        if missing:
            st.caption(f":orange[{missing}]")


def show_last(draft: Draft) -> None:
    """Shows the dry run of what was filled in, and launches; a draft is saved, a launched campaign waits for the click."""
    with st.container(horizontal=True):
        st.button("Back", icon=":material/arrow_back:", on_click=go, args=[draft, REVIEW - 1])
        st.button("Check again", icon=":material/refresh:", on_click=check_anew)
    with actions.refusals_shown():
        save(draft)
        if st.query_params.get("campaign") != draft.key:
            st.query_params["campaign"] = draft.key  # the next run asks for this draft, not for a new one
        found = show_review(draft)
        with st.container(horizontal=True):
            if draft.state == "draft":
                offer_launch(draft, found)
            else:
                offer_changes(draft, found)


def offer_launch(draft: Draft, found: DryRun) -> None:
    assert draft.key is not None
    if st.button("Launch …", type="primary", icon=":material/rocket_launch:", disabled=not found.queued):
        confirm_launch(draft, found)
    if st.button("Keep as a draft", icon=":material/drafts:"):
        leave(draft.key)


def offer_changes(draft: Draft, found: DryRun) -> None:
    assert draft.key is not None
    if draft.kind == BROADCAST:
        if st.button("Save changes …", type="primary", icon=":material/save:"):
            confirm_changes(draft, found)
    elif st.button("Save changes", type="primary", icon=":material/save:"):
        save_changes(draft)
    if st.button("Discard changes", icon=":material/undo:"):
        leave(draft.key)


def show(key: str | None) -> None:
    draft = draft_of(key)
    if draft is None:
        empty(
            f"There is no campaign {key} to change",
            "Choose one from the list of campaigns, or begin a new one with `engage campaign create`.",
        )
        return
    promise = "leaves before you launch it" if draft.state == "draft" else "changes before you save it"
    title(draft.name or "New campaign", f"Nothing {promise} in the last step.")
    if st.button("Begin anew", icon=":material/restart_alt:", type="tertiary"):
        st.session_state.pop("wizard_draft")
        st.query_params.clear()
        st.rerun()
    show_steps(draft)
    if draft.step < REVIEW:
        show_step(draft)
    else:
        show_last(draft)


with friendly():
    show(st.query_params.get("campaign"))
