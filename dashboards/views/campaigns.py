"""Campaigns: the list, and one of them from who was targeted to who clicked."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from activation.automations.cron import in_words
from dashboards import data
from dashboards.components import charts, words
from dashboards.components.frame import empty, friendly, paginate, title

SENT_STATES = ("sent", "delivered", "bounced")


def cadence(campaign: dict[str, Any]) -> str:
    """When it goes out, in words."""
    return in_words(campaign["cron"], campaign["time_zone"]) if isinstance(campaign["cron"], str) else "once"


def show_list() -> None:
    title("Campaigns", "Broadcasts go out once; automations come back on their schedule.")
    campaigns = data.ask("campaigns", "list_all")
    if campaigns.empty:
        empty(
            "No campaign yet",
            'Create one: `engage campaign create "Spring news" --segment newsletter_subscribers --template new_collection`',
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


def funnel(campaign_id: int) -> None:
    """From targeted to clicked, and the proof that nobody is missing."""
    states = dict(data.ask("campaigns", "states", campaign_id=campaign_id).itertuples(index=False))
    row = data.one("campaigns", "targeted", campaign_id=campaign_id)
    targeted = int(row["targeted"]) if row else 0
    if not targeted:
        empty("It has not run yet", "Its audience is frozen when it runs.")
        return
    count = data.records("campaigns", "outcomes", campaign_id=campaign_id)[0]
    sent = sum(states.get(state, 0) for state in SENT_STATES)
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
        steps = [
            ("Targeted", targeted),
            ("Sent", sent),
            ("Delivered", count["delivered"]),
            ("Opened", count["opened"]),
            ("Clicked", count["clicked"]),
        ]
        charts.bars(pd.DataFrame(steps, columns=["step", "people"]), "step", "people", "People", height=230)
    with right:
        st.subheader("Everybody is accounted for", anchor=False)
        listed = " + ".join(f"{number:,} {state}" for state, number in sorted(states.items()))
        if sum(states.values()) == targeted:
            st.markdown(f":green[:material/check_circle:] {targeted:,} targeted = {listed}")
        else:
            st.markdown(f":red[:material/error:] {targeted:,} targeted, but {listed}")
        skipped = data.ask("campaigns", "skipped", campaign_id=campaign_id)
        if not skipped.empty:
            st.markdown("**Left out, and why**")
            for reason in skipped.itertuples():
                st.markdown(f"- {reason.messages:,} · {words.REASONS.get(reason.reason, reason.reason)}")


def show_messages(campaign_id: int) -> None:
    states = data.ask("campaigns", "states", campaign_id=campaign_id)["state"].tolist()
    state = st.pills("State", sorted(states), label_visibility="collapsed", key="message_state")
    total = data.one("campaigns", "message_count", campaign_id=campaign_id, state=state)
    offset = paginate(int(total["messages"]) if total else 0, data.PAGE_SIZE, "messages_page")
    rows = data.ask("campaigns", "messages", campaign_id=campaign_id, state=state, limit=data.PAGE_SIZE, offset=offset)
    shown = pd.DataFrame(
        {
            "Contact": words.contact_links(rows),
            "Address": rows["address"].map(words.masked),
            "State": rows["state"],
            "Why": rows["reason"].map(lambda reason: words.REASONS.get(reason, reason)),
            "Sent": rows["sent_at"].map(words.local),
        }
    )
    st.dataframe(
        shown,
        hide_index=True,
        width="stretch",
        column_config={"Contact": st.column_config.LinkColumn(display_text=r"#(.*)")},
    )


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
        st.warning(
            f"Held: {campaign['state_reason']}. `engage campaign resume {key}` lets it go on once that is mended.",
            icon=":material/front_hand:",
        )
    campaign_id = int(campaign["campaign_id"])
    funnel(campaign_id)
    runs, messages, days = st.tabs(["Runs", "Messages", "Per day"])
    with runs:
        rows = data.ask("campaigns", "runs", campaign_id=campaign_id)
        for moment in ("scheduled_for", "started_at", "finished_at"):
            rows[moment] = rows[moment].map(words.local)
        names = {
            "scheduled_for": "For",
            "state": "State",
            "targeted": "Targeted",
            "started_at": "Began",
            "finished_at": "Ended",
            "provider": "Through",
            "remark": "Remark",
        }
        st.dataframe(rows.rename(columns=names), hide_index=True, width="stretch")
    with messages:
        show_messages(campaign_id)
    with days:
        daily = data.ask("campaigns", "daily", campaign_id=campaign_id)
        st.dataframe(daily.rename(columns=str.capitalize), hide_index=True, width="stretch")


with friendly():
    chosen = st.query_params.get("campaign")
    if chosen:
        show_one(chosen)
    else:
        show_list()
