"""Deliverability: what became of what was sent, by provider, domain and day; and how the providers fare."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import streamlit as st

from dashboards import actions, data
from dashboards.components import charts, words
from dashboards.components.frame import empty, friendly, title
from dashboards.components.provider_health import show_providers


def show_rates(days: pd.DataFrame) -> None:
    """The sums of the period, with the complaint rate judged by the two lines of Gmail and Yahoo."""
    total = days.drop(columns="day").sum()
    figures = st.columns(5)
    figures[0].metric("Sent", f"{int(total['sent']):,}", border=True)
    figures[1].metric("Delivered", words.share(total["delivered"], total["sent"]), border=True)
    figures[2].metric("Hard bounces", words.fine_share(total["bounced_hard"], total["sent"]), border=True)
    figures[3].metric("Soft bounces", words.fine_share(total["bounced_soft"], total["sent"]), border=True)
    figures[4].metric("Complaints", words.fine_share(total["complained"], total["delivered"]), border=True)
    aim, limit = lines_of(days)
    rate = total["complained"] / total["delivered"] if total["delivered"] else 0
    if rate >= limit:
        st.error(
            f"Complaints are over {limit:.1%}: Gmail and Yahoo begin to refuse such a sender. Write to fewer people.",
            icon=":material/report:",
        )
    elif rate >= aim:
        st.warning(
            f"Complaints are over {aim:.1%}, the line that Gmail and Yahoo ask senders to stay under.",
            icon=":material/report:",
        )


def lines_of(days: pd.DataFrame) -> tuple[float, float]:
    """The complaint rate to stay under, and the one never to reach."""
    return float(days["complaint_rate_aim"].iloc[-1]), float(days["complaint_rate_limit"].iloc[-1])


def show_table(rows: pd.DataFrame, by: str) -> None:
    """One line per provider or domain."""
    sent, delivered = rows["sent"].clip(lower=1), rows["delivered"].clip(lower=1)
    shown = pd.DataFrame(
        {
            by.capitalize(): rows[by], "Sent": rows["sent"], "Delivered": rows["delivered"] / sent, "Hard bounces": rows["bounced_hard"] / sent,
            "Soft bounces": rows["bounced_soft"] / sent, "Other bounces": rows["bounced_other"] / sent, "Deferred": rows["deferred"] / sent,
            "Complaints": rows["complained"] / delivered, "Unsubscribed": rows["unsubscribed"] / delivered,
        }
    )  # fmt: skip
    percent = st.column_config.NumberColumn(format="percent")
    config: dict[str, Any] = dict.fromkeys(shown.columns[2:], percent) | {
        "Sent": st.column_config.NumberColumn(format="localized")
    }
    st.dataframe(shown, hide_index=True, width="stretch", column_config=config)


def show_figures() -> None:
    left, middle, right = st.columns([2, 1, 1])
    days = left.segmented_control("Last", [7, 30, 90], default=30, format_func=lambda number: f"{number} days") or 30
    since = actions.now().date() - timedelta(days=days)
    choices = data.ask("delivery", "choices", since=since)
    filters = {
        name: place.selectbox(
            name.capitalize(), choices[choices["field"] == name]["value"], index=None, placeholder="all"
        )
        for name, place in (("provider", middle), ("domain", right))
    }
    by_day = data.ask("delivery", "deliverability_by_day", since=since, **filters)
    if by_day.empty or not by_day["sent"].sum():
        empty("Nothing was sent in that time", "Choose a longer time, or clear a filter.")
        return
    show_rates(by_day)
    st.subheader("Complaints and bounces per day", anchor=False)
    charts.rates_with_lines(by_day, lines={f"{line:.1%}": line for line in lines_of(by_day)})
    for by in ("domain", "provider"):
        st.subheader(f"By {by}", anchor=False)
        show_table(data.ask("delivery", f"deliverability_by_{by}", since=since, **filters), by)
    st.caption(
        "Delivered, bounced and deferred are shares of sent; complaints and unsubscribes of delivered. Other bounces: content or policy refused, too large."
    )


with friendly():
    title("Deliverability", "Whether mails arrive, and which provider or domain is in the way.")
    show_providers()
    try:
        show_figures()
    except data.NotBuilt:
        empty("No figures yet", "They are built with the next `engage run`, from what providers told about sent mails.")
