"""Step 5: what would happen, exactly; and the launch."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import streamlit as st

from activation.automations import cron
from activation.campaigns import commands
from activation.campaigns.audience import Policy
from activation.campaigns.dry_run import DryRun, dry_run
from activation.delivery.configure import delivery_from
from dashboards import actions
from dashboards.campaign_wizard.draft import AUTOMATION, Draft
from dashboards.components import words
from dashboards.components.mail_preview import show_mail
from engage_db.settings import load_settings

REPORT, SAVED = "wizard_report", "wizard_saved"


def save(draft: Draft) -> None:
    """Creates the campaign as a draft, or brings a draft to what was filled in. Raises Refused.

    One that is no draft any more stays as it is: a change of it may send, so it waits for `save_changes`.
    """
    with actions.engage() as db:
        if draft.key is None:
            draft.key = commands.create(db, **draft.saved_as(), actor=actions.ACTOR, now=actions.now()).key
        else:
            draft.state = commands.find(db, draft.key).state  # it may have been launched from elsewhere
            if draft.state != "draft" or st.session_state.get(SAVED) == draft.said():
                return
            commands.update(db, draft.key, **draft.changed_to(actions.now()), now=actions.now())
    st.session_state[SAVED] = draft.said()
    st.cache_data.clear()


def check(draft: Draft) -> DryRun:
    """The dry run of what was filled in, taken once and again at the click on "Check again"."""
    taken = st.session_state.get(REPORT)
    if taken is None or taken[0] != (draft.key, draft.said()):
        with st.spinner("Going through everybody …"):
            taken = st.session_state[REPORT] = ((draft.key, draft.said()), _rehearse(draft))
    return taken[1]


def _rehearse(draft: Draft) -> DryRun:
    """What is not saved yet is rehearsed, too, and rolled back."""
    assert draft.key is not None
    now = actions.now()
    settings = load_settings()
    delivery = delivery_from(settings, actions.now)
    policy = Policy(settings.workspace_time_zone, settings.unknown_consent_counts)
    with actions.engage() as db, db.transaction(force_rollback=True):
        if draft.state != "draft":
            commands.update(db, draft.key, **draft.changed_to(now), now=now)
        return dry_run(
            db,
            draft.key,
            composer=delivery.composer,
            sender=settings.mail_from,
            channels=delivery.channels,
            policy=policy,
            now=now,
        )


def check_anew() -> None:
    """The next run takes the dry run again: segments, caps and suppressions go on changing."""
    st.session_state.pop(REPORT, None)


def show_review(draft: Draft) -> DryRun:
    """The report of the dry run: who, who not and why, how long, what they would see."""
    found = check(draft)
    for problem in found.problems:
        st.warning(words.plain(problem), icon=":material/warning:")
    _figures(found)
    left, right = st.columns([2, 3], gap="large")
    with left:
        _left_out(found)
    with right:
        _samples(found)
    return found


def _figures(found: DryRun) -> None:
    figures = st.columns(4)
    figures[0].metric("In the audience", f"{found.targeted:,}", border=True)
    figures[1].metric("Get it", f"{found.queued:,}", border=True)
    figures[2].metric("Left out", f"{sum(found.skipped.values()):,}", border=True)
    figures[3].metric("Takes", _lasting(found), border=True, help=f"Its pace is set by {found.slowest}")
    later = f"{found.later:,} wait for their own hours." if found.later else ""
    st.caption(f"Begins {words.local(found.starts_at)}. {later}")


def _lasting(found: DryRun) -> str:
    if found.duration is None:
        return "–"
    if found.duration < timedelta(minutes=1):
        return "< 1 min"
    return words.lasting(found.duration.total_seconds()).removeprefix("about ")


def _left_out(found: DryRun) -> None:
    st.subheader("Left out, and why", anchor=False)
    if not found.skipped:
        st.caption("Nobody.")
    for reason, people in sorted(found.skipped.items(), key=lambda each: -each[1]):
        st.markdown(f"- **{people:,}** · {words.because(reason)}")


def _samples(found: DryRun) -> None:
    st.subheader("What they would see", anchor=False)
    if not found.samples:
        st.caption("Nobody would get it.")
        return
    listed = pd.DataFrame(
        [{"Contact": one.contact_id, "Address": one.address, "Subject": one.subject} for one in found.samples]
    )
    chosen = st.selectbox(
        "One of them",
        range(len(found.samples)),
        format_func=lambda at: f"No. {listed['Contact'][at]} · {listed['Address'][at]}",
    )
    sample = found.samples[chosen]
    if sample.problem:
        st.error(f"This contact's mail cannot be made: {words.plain(sample.problem)}", icon=":material/block:")
        return
    show_mail(sample.subject, sample.html, sample.text, "wizard_sample")


@st.dialog("Launch this campaign?")
def confirm_launch(draft: Draft, found: DryRun) -> None:
    """The last question: the number of recipients, typed."""
    if st.button("Launch", type="primary", icon=":material/rocket_launch:", disabled=not _is_confirmed(draft, found)):
        assert draft.key is not None
        with actions.refusals_shown():
            with actions.engage() as db, db.transaction():
                commands.update(db, draft.key, **draft.changed_to(actions.now()), now=actions.now())
                commands.launch(db, draft.key, now=actions.now())
            leave(draft.key)


@st.dialog("Save these changes?")
def confirm_changes(draft: Draft, found: DryRun) -> None:
    """A launched broadcast goes out as it is changed, perhaps at once: the same question as before its launch."""
    if st.button("Save changes", type="primary", icon=":material/save:", disabled=not _is_confirmed(draft, found)):
        save_changes(draft)


def save_changes(draft: Draft) -> None:
    """Changes a campaign that was launched."""
    assert draft.key is not None
    with actions.refusals_shown():
        with actions.engage() as db:
            commands.update(db, draft.key, **draft.changed_to(actions.now()), now=actions.now())
        leave(draft.key)


def _is_confirmed(draft: Draft, found: DryRun) -> bool:
    """Says who gets it and when; whether the number of recipients was typed."""
    when = f"on {words.local(found.starts_at)}" if draft.at or draft.kind == AUTOMATION else "at once"
    again = (
        f" It comes again: {cron.in_words(draft.cron, draft.time_zone)}."
        if draft.kind == AUTOMATION and draft.cron
        else ""
    )
    st.markdown(f"**{draft.name}** goes to **{found.queued:,}** people {when}.{again}")
    typed = st.text_input("Type the number of recipients to confirm", key="wizard_typed", placeholder=f"{found.queued}")
    return typed.strip().replace(",", "").replace(".", "") == str(found.queued)


def leave(key: str) -> None:
    """To the campaign's own page; the wizard begins anew next time."""
    for kept in ("wizard_draft", REPORT, SAVED):
        st.session_state.pop(kept, None)
    st.cache_data.clear()
    st.switch_page("views/campaigns.py", query_params={"campaign": key})
