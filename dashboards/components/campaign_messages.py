"""The messages of a run, with filters, and why somebody got the campaign or not."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from activation.campaigns.why import why
from dashboards import actions, data
from dashboards.components import keyset, words

DIGITS_OF_A_BIGINT = 19


def show_messages(campaign: dict[str, Any]) -> None:
    """Filters, one page of messages, and the question why."""
    campaign_id = int(campaign["campaign_id"])
    runs = data.records("campaigns", "run_choices", campaign_id=campaign_id)
    if not runs:
        st.caption("No run yet, so no messages.")
        return
    filters = _filters(campaign_id, {int(run["campaign_run_id"]): run for run in runs})
    after = keyset.after("messages_place", *filters.values())
    rows = data.ask("campaigns", "messages", after=after, limit=keyset.one_more(), **filters)
    if rows.empty:
        st.caption("No message fits these filters.")
    else:
        _table(keyset.page("messages_place", rows, "contact_id"))
    _ask_why(str(campaign["key"]))


def _filters(campaign_id: int, runs: dict[int, dict[str, Any]]) -> dict[str, Any]:
    reasons = data.records("campaigns", "reasons", campaign_id=campaign_id)
    fields = st.columns([2, 1.3, 2, 2])
    run = fields[0].selectbox(
        "Run",
        list(runs),
        format_func=lambda run: f"{words.local(runs[run]['scheduled_for'])} · {runs[run]['targeted'] or 0:,}",
    )
    state = fields[1].selectbox("State", list(words.MESSAGE_STATES), index=None, placeholder="any", key="message_state")
    reason = fields[2].selectbox(
        "Reason", list(dict.fromkeys(row["reason"] for row in reasons if row["reason"])), index=None, placeholder="any",
        format_func=lambda reason: words.REASONS.get(reason, reason), key="message_reason",
    )  # fmt: skip
    text = (
        fields[3].text_input("Contact", placeholder="number, or how the address begins", key="message_text").strip()
        or None
    )
    number = int(text) if text and text.isdecimal() and len(text) < DIGITS_OF_A_BIGINT else None
    return {"run": run, "state": state, "reason": reason, "text": text, "id": number}


def _table(rows: pd.DataFrame) -> None:
    reasons = rows["reason_detail"].where(
        rows["reason_detail"].notna(), rows["reason"].map(lambda it: words.REASONS.get(it, it))
    )
    shown = pd.DataFrame(
        {
            "Contact": words.contact_links(rows),
            "Address": rows["address"].map(words.masked),
            "State": rows["state"],
            "Why": reasons.fillna(""),
            "Through": rows["provider"].fillna(""),
            "Sent": rows["sent_at"].map(words.local),
            "Since": rows["state_changed_at"].map(words.local),
        }
    )
    config = {
        "Contact": st.column_config.LinkColumn(display_text=r"#(.*)"),
        "Why": st.column_config.TextColumn(width="medium"),
    }
    st.dataframe(shown, hide_index=True, width="stretch", column_config=config, height=38 + 35 * len(shown))


def _ask_why(key: str) -> None:
    st.markdown("**Why did somebody get it, or not?**")
    contact_id = st.number_input(
        "Number of the contact", min_value=1, value=None, placeholder="number of a contact", label_visibility="collapsed", width=260,
        key="why_contact",
    )  # fmt: skip
    if contact_id is None:
        return
    with actions.refusals_shown(), actions.engage() as db:
        found = why(db, key, int(contact_id), now=actions.now())
        st.info(words.plain(found.sentence), icon=":material/help:")
        st.markdown("\n".join(f"- {words.plain(fact)}" for fact in found.facts))
