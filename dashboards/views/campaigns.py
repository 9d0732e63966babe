"""Campaigns: the list, and one of them from who was targeted to who clicked."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from activation.automations.cron import in_words
from dashboards import data
from dashboards.components import charts, words
from dashboards.components.campaign_actions import show_actions
from dashboards.components.campaign_messages import show_messages
from dashboards.components.campaign_progress import show_progress
from dashboards.components.frame import empty, friendly, title


def cadence(campaign: dict[str, Any]) -> str:
    """When it goes out, in words."""
    return in_words(campaign["cron"], campaign["time_zone"]) if isinstance(campaign["cron"], str) else "once"


def show_list() -> None:
    title("Campaigns", "Broadcasts go out once; automations come back on their schedule.")
    st.page_link("views/campaign_wizard.py", label="New campaign", icon=":material/add_circle:")
    campaigns = data.ask("campaigns", "list_all")
    if campaigns.empty:
        empty(
            "No campaign yet",
            "Choose who gets it, what they get and when: it takes five steps, and nothing leaves before the last.",
        )
        return
    shown = pd.DataFrame(
        {
            "Campaign": "?campaign=" + campaigns["key"] + "#" + campaigns["name"],
            "State": campaigns["state"].str.replace("_", " "),
            "Segment": campaigns["segment"],
            "Sent": campaigns["sent"].astype("Int64"),
            "Opened": campaigns["open_rate"].astype(float),
            "Clicked": campaigns["click_rate"].astype(float),
            "Schedule": [cadence(row) for row in campaigns.to_dict("records")],
            "Next": campaigns["next_run_at"].map(words.local),
            "Template": campaigns["template"],
        }
    )
    percent = {"format": "percent", "width": "small"}
    st.dataframe(
        shown, hide_index=True, width="stretch",
        column_config={
            "Campaign": st.column_config.LinkColumn(display_text=r"#(.*)", width="medium"),
            "Sent": st.column_config.NumberColumn(format="localized"),
            "Opened": st.column_config.NumberColumn(**percent), "Clicked": st.column_config.NumberColumn(**percent),
        },
    )  # fmt: skip
    st.caption("Rates are over delivered messages. Open one by its name.")


def funnel(campaign_id: int, targeted: int, sent: int) -> None:
    """From targeted to clicked; outcomes are counted by a build."""
    try:
        count = data.records("campaigns", "outcomes", campaign_id=campaign_id)[0]
    except data.NotBuilt:
        st.caption("Opens and clicks are counted with the next `engage run`.")
        show_reasons(campaign_id)
        return
    figures = st.columns(6)
    figures[0].metric("Targeted", f"{targeted:,}", border=True)
    figures[1].metric("Sent", f"{sent:,}", border=True)
    figures[2].metric("Delivered", words.share(count["delivered"], sent), border=True)
    figures[3].metric("Opened", words.share(count["opened"], count["delivered"]), border=True)
    figures[4].metric("Clicked", words.share(count["clicked"], count["delivered"]), border=True)
    figures[5].metric("Unsubscribed", f"{count['unsubscribed']:,}", border=True)
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("Funnel", anchor=False)
        steps = [("Targeted", targeted), ("Sent", sent)]
        steps += [(step, count[step.lower()]) for step in ("Delivered", "Opened", "Clicked")]
        charts.bars(pd.DataFrame(steps, columns=["step", "people"]), "step", "people", "People", height=230)
    with right:
        show_reasons(campaign_id)


def show_reasons(campaign_id: int) -> None:
    """Who was left out, and why."""
    st.subheader("Left out, and why", anchor=False)
    reasons = data.records("campaigns", "reasons", campaign_id=campaign_id)
    if not reasons:
        st.caption("Nobody: everybody in the segment gets it.")
    for reason in reasons:
        st.markdown(
            f"- {reason['messages']:,} · {words.because(reason['reason'])}{' (failed)' if reason['state'] == 'failed' else ''}"
        )


def show_runs(campaign_id: int) -> None:
    rows = data.ask("campaigns", "runs", campaign_id=campaign_id)
    for moment in ("scheduled_for", "started_at", "finished_at"):
        rows[moment] = rows[moment].map(words.local)
    rows["remark"] = rows["remark"].fillna("")
    names = {
        "scheduled_for": "For", "state": "State", "targeted": "Targeted", "started_at": "Began", "finished_at": "Ended",
        "provider": "Through", "remark": "Remark",
    }  # fmt: skip
    st.dataframe(rows.rename(columns=names), hide_index=True, width="stretch")


def show_one(key: str) -> None:
    campaign = data.one("campaigns", "one", key=key)
    st.page_link("views/campaigns.py", label="All campaigns", icon=":material/arrow_back:")
    if campaign is None:
        empty(f"There is no campaign {key}", "It may have been removed. Choose one from the list.")
        return
    title(str(campaign["name"]))
    st.markdown(
        f"{words.badge(campaign['state'])} {campaign['kind']} · to **{campaign['segment']}** · with **{campaign['template']}** · {cadence(campaign)}"
    )
    st.caption(
        f"Subject: {campaign['subject']} · next: {words.local(campaign['next_run_at'])} · created by {campaign['created_by']} on {words.local(campaign['created_at'])}"
    )
    if campaign["state_reason"]:
        st.warning(f"Held: {campaign['state_reason']}. Resume it once that is mended.", icon=":material/front_hand:")
    campaign_id = int(campaign["campaign_id"])
    counted = data.records("campaigns", "ledger", campaign_id=campaign_id, run=None)[0]
    show_actions(campaign, counted["queued"] + counted["claimed"])
    show_progress(key, campaign_id, campaign["state"])
    if not counted["targeted"]:
        empty("It has not run yet", "Its audience is frozen when it runs.")
        return
    funnel(campaign_id, counted["targeted"], counted["sent"])
    runs, messages, days = st.tabs(["Runs", "Messages", "Per day"])
    with runs:
        show_runs(campaign_id)
    with messages:
        show_messages(campaign)
    with days, friendly():
        daily = data.ask("campaigns", "daily", campaign_id=campaign_id)
        st.dataframe(daily.rename(columns=str.capitalize), hide_index=True, width="stretch")


with friendly():
    chosen = st.query_params.get("campaign")
    if chosen:
        show_one(chosen)
    else:
        show_list()
