"""Charts that look alike."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

INDIGO = "#4338ca"
FEWEST_FOR_A_LINE = 3


def trend(rows: pd.DataFrame, x: str, y: str, title: str, *, colour: str = INDIGO, height: int = 240) -> None:
    """One measure over time as an area; of a day or two the hours are shown."""
    span = rows[x].max() - rows[x].min() if len(rows) else pd.Timedelta(0)
    when = "%-d %b" if span > pd.Timedelta(days=3) else "%-d %b %H:%M"
    base = alt.Chart(rows).encode(
        x=alt.X(f"{x}:T", title=None, axis=alt.Axis(format=when, grid=False, tickCount=6, labelOverlap=True)),
        y=alt.Y(f"{y}:Q", title=title, axis=alt.Axis(tickCount=4)),
        tooltip=[
            alt.Tooltip(f"{x}:T", title="When", format=f"{when} %Y" if "%H" not in when else "%-d %b %Y %H:%M"),
            alt.Tooltip(f"{y}:Q", title=title, format=",.0f"),
        ],
    )
    area = base.mark_area(color=colour, opacity=0.12, interpolate="monotone")
    line = base.mark_line(color=colour, strokeWidth=2, interpolate="monotone", point=len(rows) < FEWEST_FOR_A_LINE)
    st.altair_chart((area + line).properties(height=height), width="stretch")


def bars(rows: pd.DataFrame, label: str, value: str, title: str, *, height: int | None = None) -> None:
    """Named amounts, longest on top."""
    base = alt.Chart(rows).encode(
        y=alt.Y(f"{label}:N", sort=None, title=None, axis=alt.Axis(labelLimit=260, ticks=False, domain=False)),
        x=alt.X(f"{value}:Q", title=None, axis=None),
        tooltip=[alt.Tooltip(f"{label}:N", title=" "), alt.Tooltip(f"{value}:Q", title=title, format=",.0f")],
    )
    bar = base.mark_bar(color=INDIGO, cornerRadiusEnd=4, height={"band": 0.62})
    number = base.mark_text(align="left", dx=6, fontWeight=600).encode(text=alt.Text(f"{value}:Q", format=",.0f"))
    st.altair_chart((bar + number).properties(height=height or max(90, 36 * len(rows))), width="stretch")


def rates_with_lines(rows: pd.DataFrame, *, lines: dict[str, float], height: int = 240) -> None:
    """Complaints over delivered and hard bounces over sent per day, with the lines that complaints must stay under."""
    rates = pd.concat(
        [
            pd.DataFrame({"day": rows["day"], "rate": rows[part] / rows[whole].clip(lower=1), "what": what})
            for part, whole, what in (
                ("complained", "delivered", "complaints"),
                ("bounced_hard", "sent", "hard bounces"),
            )
        ]
    )
    shown = alt.Chart(rates).mark_line(strokeWidth=2, point=True).encode(
        x=alt.X("day:T", title=None, axis=alt.Axis(format="%-d %b", grid=False, tickCount=8)),
        y=alt.Y("rate:Q", title=None, axis=alt.Axis(format=".1%", tickCount=5)),
        color=alt.Color(
            "what:N", title=None, scale=alt.Scale(domain=["complaints", "hard bounces"], range=["#b91c1c", INDIGO]),
            legend=alt.Legend(orient="top"),
        ),
        tooltip=[alt.Tooltip("day:T", title="Day"), "what:N", alt.Tooltip("rate:Q", format=".3%")],
    )  # fmt: skip
    limits = alt.Chart(pd.DataFrame([{"at": at, "line": name} for name, at in lines.items()]))
    rule = limits.mark_rule(strokeDash=[4, 4], color="#b91c1c").encode(y="at:Q")
    label = limits.mark_text(align="left", dx=6, color="#b91c1c").encode(y="at:Q", text="line:N", x=alt.value("width"))
    layers = (shown + rule + label).properties(height=height, padding={"right": 50, "left": 5, "top": 5, "bottom": 5})
    st.altair_chart(layers, width="stretch")


def stacked_days(rows: pd.DataFrame, day: str, name: str, value: str, *, height: int = 260) -> None:
    """Amounts per day, by name."""
    chart = (
        alt.Chart(rows)
        .mark_bar()
        .encode(
            x=alt.X(f"{day}:T", title=None, axis=alt.Axis(format="%-d %b", grid=False, tickCount=8)),
            y=alt.Y(f"{value}:Q", title="Events", axis=alt.Axis(tickCount=4)),
            color=alt.Color(
                f"{name}:N",
                title=None,
                scale=alt.Scale(scheme="tableau20"),
                legend=alt.Legend(orient="bottom", columns=4),
            ),
            tooltip=[
                alt.Tooltip(f"{day}:T", title="Day", format="%-d %b %Y"),
                alt.Tooltip(f"{name}:N", title="Event"),
                alt.Tooltip(f"{value}:Q", title="Events", format=","),
            ],
        )
    )
    st.altair_chart(chart.properties(height=height), width="stretch")


def entries_and_exits(rows: pd.DataFrame, *, height: int = 240) -> None:
    """Entries upwards and exits downwards, per refresh; needs measured_at, entered and exited."""
    moves = pd.concat(
        [
            pd.DataFrame({"when": rows["measured_at"], "people": rows["entered"].astype(int), "what": "entered"}),
            pd.DataFrame({"when": rows["measured_at"], "people": -rows["exited"].astype(int), "what": "left"}),
        ]
    )
    chart = (
        alt.Chart(moves)
        .mark_bar(width=6)
        .encode(
            x=alt.X("when:T", title=None, axis=alt.Axis(format="%-d %b %H:%M", grid=False, tickCount=6)),
            y=alt.Y("people:Q", title="People", axis=alt.Axis(tickCount=4)),
            color=alt.Color(
                "what:N", title=None, scale=alt.Scale(domain=["entered", "left"], range=[INDIGO, "#b45309"]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=[alt.Tooltip("when:T", title="Refresh", format="%-d %b %Y %H:%M"), "what:N", alt.Tooltip("people:Q", format=",")],
        )
    )  # fmt: skip
    st.altair_chart(chart.properties(height=height), width="stretch")
