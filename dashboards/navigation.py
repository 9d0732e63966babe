"""The pages and their order. Each is a file; what one row of a list shows is the same page with a query parameter."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

VIEWS = Path(__file__).with_name("views")


def pages() -> dict[str, list[st.Page]]:
    """Pages by section of the sidebar."""
    return {
        "": [_page("overview", "Overview", "space_dashboard", default=True)],
        "Engage": [
            _page("campaigns", "Campaigns", "campaign"),
            _page("segments", "Segments", "group_work"),
            _page("templates", "Templates", "draft"),
        ],
        "Build": [
            _page("campaign_wizard", "New campaign", "add_circle"),
            _page("segment_builder", "New segment", "add_circle"),
        ],
        "Customers": [_page("contacts", "Contacts", "person_search"), _page("events", "Events", "timeline")],
        "Delivery": [
            _page("deliverability", "Deliverability", "monitoring"),
            _page("dead_letters", "Dead letters", "mark_email_unread"),
            _page("suppressions", "Suppressions", "block"),
        ],
    }


def _page(name: str, title: str, icon: str, *, default: bool = False) -> st.Page:
    return st.Page(VIEWS / f"{name}.py", title=title, icon=f":material/{icon}:", url_path=name, default=default)
