"""Events: everything that happened, newest first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pandas as pd
import streamlit as st

from dashboards import data
from dashboards.components import charts, words
from dashboards.components.frame import empty, friendly, paginate, title

PERIODS = {"24 hours": 1, "7 days": 7, "30 days": 30, "365 days": 365}


with friendly():
    title("Events", f"What people did and what was done with them. Times in {words.zone().key}.")
    filters = st.columns([2, 3])
    with filters[0]:
        days = PERIODS[
            st.segmented_control(
                "Period", list(PERIODS), default="30 days", required=True, label_visibility="collapsed"
            )
        ]
    # to the minute, so that the same question is asked again and answered from the cache
    since = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=days)
    names = data.ask("events", "names", since=since)
    with filters[1]:
        chosen = (
            st.multiselect("Events", names["event_name"], placeholder="All events", label_visibility="collapsed")
            or None
        )
    if names.empty:
        empty("Nothing happened in this period", "Choose a longer one, or run `engage run` to read the CRM.")
    else:
        charts.stacked_days(
            data.ask("events", "per_day", names=chosen, since=since, time_zone=words.zone().key),
            "day",
            "event_name",
            "events",
        )
        counted = data.one("events", "count", names=chosen, since=since, most=data.MOST_COUNTED)
        total = int(counted["events"]) if counted else 0
        st.caption(f"{min(total, data.MOST_COUNTED):,}{'+' if total > data.MOST_COUNTED else ''} events")
        offset = paginate(min(total, data.MOST_COUNTED), data.PAGE_SIZE, "events_page")
        rows = data.ask("events", "stream", names=chosen, since=since, limit=data.PAGE_SIZE, offset=offset)
        shown = pd.DataFrame(
            {
                "When": rows["occurred_at"].map(words.local),
                "Event": rows["event_name"],
                "Contact": words.contact_links(rows),
                "Value": [
                    words.money(value, currency) if isinstance(currency, str) else ""
                    for value, currency in zip(rows["value"], rows["currency"], strict=True)
                ],
                "Source": rows["source"],
                "Details": [orjson.dumps(properties).decode() for properties in rows["properties"]],
            }
        )
        config = {
            "Contact": st.column_config.LinkColumn(display_text=r"#(.*)"),
            "Details": st.column_config.JsonColumn(width="large"),
        }
        st.dataframe(shown, hide_index=True, width="stretch", column_config=config)
