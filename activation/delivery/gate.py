"""May this message leave? The rules as one pure function; SQL says the same of whole audiences at once.

The twins are `audience` in campaigns/audience.sql, at the snapshot, and `claim` in outbox.sql, at the last moment, which asks
again what may have changed since. A property test holds all three equal.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

OF_A_PERSON = frozenset({"complaint", "unsubscribed_all", "unsubscribed_topic", "manual", "erased"})
OF_MARKETING = frozenset({"unsubscribed_all", "unsubscribed_topic"})


@dataclass(frozen=True)
class Send:
    """It may leave, from `at` on."""

    at: datetime


@dataclass(frozen=True)
class Skip:
    """It is left out, for a reason of SKIP_REASONS."""

    reason: str


@dataclass(frozen=True)
class Suppression:
    """One entry of the list that holds just now: neither lifted nor over. `binds_person`: by contact, else by address."""

    reason: str
    binds_person: bool
    topic_id: int | None = None


@dataclass(frozen=True)
class Terms:
    """What the campaign and the workspace say."""

    now: datetime
    deadline_at: datetime
    message_class: str = "marketing"
    topic_id: int | None = None
    cap: int | None = 3
    unknown_counts: bool = False


@dataclass(frozen=True)
class Facts:
    """What is known of one contact.

    `said` is their newest word on the topic or the channel; `flag` is what the CRM says, and `flag_is_newer` whether it turned
    to that after they said it. `begins` is their first permitted minute, None when no week has one.
    """

    begins: datetime | None
    email_status: str = "valid"
    is_excluded: bool = False
    suppressions: Collection[Suppression] = ()
    said: str | None = None
    flag: str = "subscribed"
    flag_is_newer: bool = False
    counted: int = 0
    is_duplicate: bool = False
    is_held_out: bool = False


def decide(facts: Facts, terms: Terms) -> Send | Skip:
    """The first reason that keeps a message from leaving, in this order; else when it may leave."""
    if terms.deadline_at <= terms.now:
        return Skip("outside_window")
    for holds, reason in (
        (facts.is_excluded, "excluded_segment"),
        (facts.email_status == "missing", "no_address"),
        (facts.email_status == "invalid", "invalid_address"),
        *((True, reason) for reason in _suppressed(facts, terms)),
        (terms.message_class == "marketing" and not _consents(facts, terms), "no_consent"),
        (facts.is_duplicate, "duplicate_address"),
        (terms.message_class == "marketing" and terms.cap is not None and facts.counted >= terms.cap, "frequency_cap"),
        (facts.is_held_out, "holdout"),
        (facts.begins is None or facts.begins > terms.deadline_at, "quiet_hours_expired"),
    ):
        if holds:
            return Skip(reason)
    assert facts.begins is not None
    return Send(max(facts.begins, terms.now))


def _suppressed(facts: Facts, terms: Terms) -> list[str]:
    """Words of the suppressions that bind: those of the person first, among them the one that binds all topics."""
    binding = [one for one in facts.suppressions if _binds(one, terms)]
    words = [
        (not one.binds_person, "unsubscribed_topic" if one.reason == "unsubscribed_topic" else "suppressed")
        for one in binding
        if not one.binds_person or one.reason in OF_A_PERSON
    ]
    return [word for _, word in sorted(words)]


def _binds(one: Suppression, terms: Terms) -> bool:
    if one.reason in OF_MARKETING and terms.message_class != "marketing":
        return False
    return one.reason != "unsubscribed_topic" or (one.topic_id is not None and one.topic_id == terms.topic_id)


def _consents(facts: Facts, terms: Terms) -> bool:
    if facts.said is not None:
        return facts.said == "subscribed" and not (facts.flag == "unsubscribed" and facts.flag_is_newer)
    return facts.flag == "subscribed" or (facts.flag == "unknown" and terms.unknown_counts)
