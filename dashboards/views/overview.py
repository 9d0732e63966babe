"""The company at a glance."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboards import data
from dashboards.components import charts, words
from dashboards.components.frame import empty, friendly, title

PERIODS = {"7 days": 7, "30 days": 30, "90 days": 90}


def cards(rows: pd.DataFrame, days: int, currency: str | None) -> None:
    """Figures of the period, each against the period before."""
    now, before = rows.tail(days), rows.iloc[:-days].tail(days)
    total = {name: (float(now[name].sum()), float(before[name].sum())) for name in rows.columns if name != "day"}

    def card(
        place: st.delta_generator.DeltaGenerator,
        label: str,
        value: str,
        delta: str | None,
        trend: list[float],
    ) -> None:
        place.metric(label, value, delta, border=True, chart_data=trend, chart_type="area", height="stretch")

    def change(name: str) -> str | None:
        current, earlier = total[name]
        return f"{100 * (current - earlier) / earlier:+.0f} %" if earlier else None

    def rate(part: str) -> tuple[str, str | None, list[float]]:
        current, earlier = (
            total[part][i] / total["messages_delivered"][i] if total["messages_delivered"][i] else None for i in (0, 1)
        )
        daily = (
            (100 * now[part] / now["messages_delivered"].where(now["messages_delivered"] > 0)).fillna(0).astype(float)
        )
        shown = "–" if current is None else f"{100 * current:.1f} %"
        return (
            shown,
            None if current is None or earlier is None else f"{100 * (current - earlier):+.1f} pt",
            daily.tolist(),
        )

    first, second = st.columns(4), st.columns(4)
    card(
        first[0],
        "Contacts",
        f"{int(rows['contacts'].iloc[-1]):,}",
        f"{int(total['new_contacts'][0]):+,} new",
        now["contacts"].tolist(),
    )
    card(
        first[1],
        "Revenue",
        words.money(total["revenue"][0], currency),
        change("revenue"),
        now["revenue"].astype(float).tolist(),
    )
    card(first[2], "Orders", f"{int(total['orders'][0]):,}", change("orders"), now["orders"].tolist())
    card(
        first[3],
        "Messages sent",
        f"{int(total['messages_sent'][0]):,}",
        change("messages_sent"),
        now["messages_sent"].tolist(),
    )
    delivered = words.share(total["messages_delivered"][0], total["messages_sent"][0])
    card(second[0], "Delivered", delivered, None, now["messages_delivered"].tolist())
    card(second[1], "Open rate", *rate("messages_opened"))
    card(second[2], "Click rate", *rate("messages_clicked"))
    card(
        second[3],
        "Unsubscribes",
        f"{int(total['unsubscribes'][0]):,}",
        change("unsubscribes"),
        now["unsubscribes"].tolist(),
    )


def running_campaigns() -> None:
    """Campaigns on their way, with how far they are."""
    running = data.ask("overview", "running")
    for campaign in running.to_dict("records"):
        targeted = int(campaign["targeted"] or 0)
        text = f"**{campaign['name']}** {words.badge(campaign['state'])} {int(campaign['done']):,} of {targeted:,}"
        st.progress(min(1.0, campaign["done"] / targeted) if targeted else 0.0, text=text)


def health() -> None:
    """Whether the data can be trusted: how fresh each table is, and what its tests said."""
    syncs = data.ask("overview", "syncs")
    tests = data.ask("overview", "data_tests")
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("CRM sync", anchor=False)
        if syncs.empty:
            empty("The CRM has not been read yet", "Run `engage run`.")
        else:
            shown = pd.DataFrame(
                {
                    "Table": syncs["table_name"].str.replace("_", " "),
                    "State": [
                        f"❌ {problem}" if status == "failed" else "✅ in step"
                        for status, problem in zip(syncs["status"], syncs["problem"], strict=True)
                    ],
                    "Synced": syncs["synced_at"].map(words.ago),
                    "Rows": syncs["rows_total"],
                    "Changed": syncs["rows_changed"],
                }
            )
            st.dataframe(
                shown,
                hide_index=True,
                width="stretch",
                column_config={"Rows": st.column_config.NumberColumn(format="localized")},
            )
    with right:
        st.subheader("Data tests", anchor=False)
        if tests.empty:
            empty("No data test has run yet", "Nothing is sent before they pass. Run `engage run`.")
        for test in tests.to_dict("records"):
            name = str(test["suite"]).replace("_", " ")
            if test["passed"]:
                st.markdown(
                    f":green[:material/check_circle:] **{name}** · {test['expectations']} rules hold · {words.ago(test['checked_at'])}"
                )
            else:
                st.markdown(f":red[:material/error:] **{name}** · {test['problem']} · nothing is sent on it")


with friendly():
    title("Overview", "Contacts, sales and messages. Every figure is counted from the Engage DB.")
    period = PERIODS[
        st.segmented_control("Period", list(PERIODS), default="30 days", required=True, label_visibility="collapsed")
    ]
    figures = data.ask("overview", "kpis", days=period)
    if figures.empty:
        empty("No figures yet", "Run `engage run`.")
    else:
        money = data.one("overview", "currency")
        currency = money["currency"] if money else None
        cards(figures, period, currency)
        if currency is None and figures["revenue"].astype(float).sum():
            st.caption("Revenue adds up amounts in several currencies as they are: nothing is converted.")
        running_campaigns()
        left, right = st.columns([3, 2], gap="large")
        with left:
            st.subheader("Revenue per day", anchor=False)
            charts.trend(
                figures.tail(period).assign(revenue=lambda rows: rows["revenue"].astype(float)),
                "day",
                "revenue",
                f"Revenue ({currency})" if currency else "Revenue",
                height=280,
            )
        with right:
            st.subheader("Segments", anchor=False)
            segments = data.ask("overview", "segments")
            if segments.empty:
                empty("No segment yet", "Add one under `dbt_project/models/segments` and run `engage build`.")
            else:
                charts.bars(segments.head(8), "title", "size", "Members", height=300)
    health()
