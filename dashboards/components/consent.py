"""What a person agreed to, with proof, and what keeps messages away from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from activation.compliance import consent, suppression
from dashboards import actions
from dashboards.components import words
from engage_db.settings import load_settings

DECIDED_BY = {
    "suppression": "an unsubscription",
    "record": "a decision on record",
    "crm": "the CRM's flag",
    "nothing": "nothing known",
}


@dataclass(frozen=True)
class Known:
    """All that is known about one person's consent."""

    states: list[consent.ConsentState]
    history: list[consent.ConsentRecord]
    suppressions: list[suppression.Suppression]


def of(contact_id: int) -> Known:
    with actions.engage() as db:
        moment = actions.now()
        return Known(
            consent.state_of(db, contact_id, now=moment),
            consent.history(db, contact_id),
            suppression.of_contact(db, contact_id, now=moment),
        )


def show_what_holds(known: Known) -> None:
    """A line for each suppression that keeps messages away now."""
    for each in known.suppressions:
        if each.holds:
            about = f" about {each.topic}" if each.topic else ""
            st.warning(
                f"Gets no more {each.channel}{about}: {each.reason.replace('_', ' ')}, {words.local(each.created_at)}",
                icon=":material/block:",
            )


def show(known: Known) -> None:
    """What holds now, every decision with its proof, every suppression and who ended it."""
    unknown_counts = load_settings().unknown_consent_counts
    _table(
        [
            {
                "Channel": each.channel, "Topic": each.topic or "everything", "Consent": each.status,
                "Decided by": DECIDED_BY[each.decided_by], "Since": words.local(each.decided_at),
                "Marketing may go": "yes" if each.allows(unknown_counts=unknown_counts) else "no",
            }
            for each in known.states
        ],
        "Nothing is known.",
    )  # fmt: skip
    st.markdown("**Decisions on record**")
    _table(
        [
            {
                "When": words.local(each.occurred_at), "Decision": each.status, "Topic": each.topic or "everything",
                "Proof": _in_words(each.proof), "Channel": each.channel, "From": each.source.replace("_", " "),
                "Recorded by": each.recorded_by,
            }
            for each in known.history
        ],
        "No decision is on record: the CRM's flag says.",
    )  # fmt: skip
    st.markdown("**Suppressions**")
    _table(
        [
            {
                "Since": words.local(each.created_at), "Channel": each.channel, "Reason": each.reason.replace("_", " "),
                "Address": words.masked(each.address), "From": each.source, "Now": _fate(each), "Evidence": _in_words(each.evidence),
            }
            for each in known.suppressions
        ],
        "None, now or before.",
    )  # fmt: skip


def _fate(each: suppression.Suppression) -> str:
    if each.lifted_at:
        return f"lifted {words.local(each.lifted_at)} by {each.lifted_by}: {each.lifted_because}"
    if each.holds:
        return f"holds until {words.local(each.expires_at)}" if each.expires_at else "holds"
    return f"expired {words.local(each.expires_at)}" if each.expires_at else "of an older address"


def _in_words(proof: Mapping[str, object]) -> str:
    return "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in proof.items())


def _table(rows: list[dict[str, str]], otherwise: str) -> None:
    if rows:
        st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")
    else:
        st.caption(otherwise)
