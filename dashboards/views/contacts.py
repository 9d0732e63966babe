"""Contacts: search, and one person with attributes and timeline."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from activation.segments import commands
from activation.segments.explain import why
from dashboards import actions, data
from dashboards.components import consent, words
from dashboards.components.explanation import show_explanation
from dashboards.components.frame import empty, friendly, paginate, title

GROUPS = {
    "Identity": (
        "email",
        "phone",
        "company",
        "job_title",
        "city",
        "country",
        "time_zone",
        "locale",
        "date_of_birth",
        "lead_source",
    ),
    "Consent": ("email_consent", "email_status", "whatsapp_consent", "sms_consent"),
    "Commerce": (
        "plan",
        "orders_count",
        "lifetime_value",
        "average_order_value",
        "first_order_at",
        "last_order_at",
        "last_product_name",
        "open_deals_count",
        "open_deals_amount",
    ),
    "Engagement": (
        "last_seen_at",
        "emails_sent_count",
        "emails_opened_count",
        "emails_clicked_count",
        "last_email_opened_at",
        "calls_count",
        "last_call_at",
        "whatsapp_received_count",
    ),
}
MOST_EVENTS = 60
DIGITS_OF_A_BIGINT = 19


def show_search() -> None:
    title("Contacts", "Search by the beginning of a name or mail address, by city, or by number.")
    choices = data.ask("contacts", "choices")
    fields = st.columns([3, 1, 1, 1])
    text = (
        fields[0].text_input("Search", placeholder="ada, rossi@, Rome, 4211", label_visibility="collapsed").strip()
        or None
    )
    country = fields[1].selectbox(
        "Country",
        choices[choices["field"] == "country"]["value"],
        index=None,
        placeholder="Country",
        label_visibility="collapsed",
    )
    plan = fields[2].selectbox(
        "Plan",
        choices[choices["field"] == "plan"]["value"],
        index=None,
        placeholder="Plan",
        label_visibility="collapsed",
    )
    consent = fields[3].selectbox(
        "Consent",
        ["subscribed", "unsubscribed", "unknown"],
        index=None,
        placeholder="Consent",
        label_visibility="collapsed",
    )
    wanted = {
        "text": text,
        "id": int(text) if text and text.isdigit() and len(text) < DIGITS_OF_A_BIGINT else None,
        "country": country,
        "plan": plan,
        "consent": consent,
    }
    counted = data.one("contacts", "count", most=data.MOST_COUNTED, **wanted)
    total = int(counted["contacts"]) if counted else 0
    if not total:
        empty(
            "Nobody found",
            "Try fewer letters, or clear a filter." if any(wanted.values()) else "Run `engage run` to read the CRM.",
        )
        return
    st.caption(f"{min(total, data.MOST_COUNTED):,}{'+' if total > data.MOST_COUNTED else ''} contacts")
    offset = paginate(min(total, data.MOST_COUNTED), data.PAGE_SIZE, "contacts_page")
    rows = data.ask("contacts", "search", limit=data.PAGE_SIZE, offset=offset, **wanted)
    shown = pd.DataFrame(
        {
            "Contact": words.contact_links(rows),
            "Email": rows["email"], "City": rows["city"], "Country": rows["country"], "Plan": rows["plan"],
            "Mail consent": rows["email_consent"], "Orders": rows["orders_count"], "Spent": rows["lifetime_value"].astype(float),
            "Last seen": rows["last_seen_at"].map(words.ago),
        }
    )  # fmt: skip
    config = {
        "Contact": st.column_config.LinkColumn(display_text=r"#(.*)"),
        "Spent": st.column_config.NumberColumn(format="localized"),
    }
    st.dataframe(shown, hide_index=True, width="stretch", column_config=config, height=min(930, 38 + 35 * len(shown)))


def value_in_words(name: str, value: Any, currency: str | None) -> str:
    """An attribute as people read it."""
    if value is None or (not isinstance(value, list) and pd.isna(value)) or value == "":
        return "–"
    if name.endswith("_at"):
        return f"{words.local(value)} ({words.ago(value)})"
    if name in ("lifetime_value", "average_order_value", "open_deals_amount"):
        return words.money(value, currency)
    return f"{value:,}" if isinstance(value, int) else str(value)


def show_attributes(person: dict[str, Any]) -> None:
    for group, names in GROUPS.items():
        rows = [
            f"| {name.removesuffix('_at').removesuffix('_count').replace('_', ' ')} | {value_in_words(name, person[name], person['currency'])} |"
            for name in names
        ]
        st.markdown("\n".join([f"| **{group}** | |", "|:--|:--|", *rows]))


def show_timeline(contact_id: int) -> None:
    events = data.records("contacts", "timeline", contact_id=contact_id, limit=MOST_EVENTS)
    if not events:
        st.caption("Nothing has happened yet.")
    for event in events:
        icon, said = words.EVENTS.get(event["event_name"], ("bolt", event["event_name"].replace("_", " ")))
        amount = f" · **{words.money(event['value'], event['currency'])}**" if event["currency"] else ""
        details = event["properties"] or {}
        more = details.get("to_stage") or details.get("status") or details.get("topic") or ""
        when = f":gray[{words.local(event['occurred_at'])} · {words.ago(event['occurred_at'])}]"
        st.markdown(f":material/{icon}: **{said}**{f' · {more}' if more else ''}{amount}  \n{when}")


def ask_why(contact_id: int) -> None:
    """Why the person is in a segment, or is not."""
    with (
        st.expander("Why in a segment, or not?", icon=":material/help:"),
        actions.refusals_shown(),
        actions.engage() as db,
    ):
        titles = {segment.key: segment.title for segment in commands.list_all(db)}
        key = st.selectbox("Segment", list(titles), index=None, format_func=titles.get, placeholder="Choose a segment")
        if key:
            show_explanation(why(db, key, contact_id, at=actions.now()))


def show_one(contact_id: int) -> None:
    st.page_link("views/contacts.py", label="All contacts", icon=":material/arrow_back:")
    person = data.one("contacts", "one", contact_id=contact_id)
    if person is None:
        empty(f"There is no contact {contact_id}", "It may have been deleted in the CRM.")
        return
    title(
        str(person["full_name"] or f"Contact {contact_id}"),
        f"No. {contact_id} · in the CRM since {words.local(person['created_at'])}",
    )
    known = consent.of(contact_id)
    consent.show_what_holds(known)
    segments = data.ask("contacts", "segments", contact_id=contact_id)
    if not segments.empty:
        st.markdown("In " + " · ".join(f"[{row.title}](/segments?segment={row.key})" for row in segments.itertuples()))
    ask_why(contact_id)
    left, right = st.columns([2, 3], gap="large")
    with left:
        show_attributes(person)
    with right:
        timeline, messages, agreed = st.tabs(["Timeline", "Messages", "Consent and suppressions"])
        with timeline:
            show_timeline(contact_id)
        with messages:
            rows = data.ask("contacts", "messages", contact_id=contact_id)
            if rows.empty:
                st.caption("No campaign has had this person in its audience.")
            else:
                rows["reason"] = rows["reason"].map(lambda reason: words.REASONS.get(reason, reason))
                st.dataframe(
                    words.local_columns(rows, "created_at", "sent_at")
                    .rename(columns={"created_at": "Targeted", "sent_at": "Sent"})
                    .rename(columns=str.capitalize),
                    hide_index=True,
                    width="stretch",
                )
        with agreed:
            consent.show(known)


with friendly():
    chosen = st.query_params.get("contact", "")
    if chosen.isdigit() and len(chosen) < DIGITS_OF_A_BIGINT:
        show_one(int(chosen))
    else:
        show_search()
