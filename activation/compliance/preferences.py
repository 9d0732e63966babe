"""The preference centre: what a person gets, per channel and topic, and how they change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from activation.compliance import consent
from activation.compliance.consent import ConsentState, Status
from activation.errors import NotFound
from engage_db import named_sql

SQL = named_sql.load(__file__)

SOURCE = "preference_centre"


@dataclass(frozen=True)
class TopicPreference:
    """A topic as a recipient reads it."""

    key: str
    name: str
    description: str
    subscribed: bool


@dataclass(frozen=True)
class ChannelPreference:
    """A channel; `subscribed` is about what has no topic. `blocked` when something else keeps messages away, such as a complaint.

    `decided_off`: it and every topic are unsubscribed. What is unknown is not, even while that counts as no consent.
    """

    channel: str
    subscribed: bool
    blocked: str | None
    decided_off: bool
    topics: list[TopicPreference]

    @property
    def everything_off(self) -> bool:
        """Whether nothing at all is sent."""
        return not self.subscribed and not any(topic.subscribed for topic in self.topics)


@dataclass(frozen=True)
class Preferences:
    """All channels that a person may be reached by."""

    contact_id: int
    channels: list[ChannelPreference]

    def channel(self, name: str) -> ChannelPreference:
        """One channel. Raises NotFound."""
        found = next((each for each in self.channels if each.channel == name), None)
        if found is None:
            raise NotFound(f"Nothing is sent by {name}; there is {', '.join(each.channel for each in self.channels)}.")
        return found


def preferences_of(
    db: Connection, contact_id: int, *, unknown_counts: bool = False, now: datetime | None = None
) -> Preferences:
    """What a person gets. `unknown_counts` is the setting UNKNOWN_CONSENT_COUNTS."""
    rows = db.execute(SQL.channels, {"contact_id": contact_id}).fetchall()
    in_use = tuple(channel for channel in consent.CHANNELS if (channel,) in rows)
    topics = db.execute(SQL.topics).fetchall()
    states = {
        (state.channel, state.topic_id): state for state in consent.states(db, [contact_id], channels=in_use, now=now)
    }

    def subscribed(channel: str, topic_id: int | None) -> bool:
        return states[channel, topic_id].status in (("subscribed", "unknown") if unknown_counts else ("subscribed",))

    return Preferences(
        contact_id,
        [
            ChannelPreference(
                channel,
                subscribed(channel, None),
                states[channel, None].held_by,
                all(state.status == "unsubscribed" for state in states.values() if state.channel == channel),
                [TopicPreference(key, name, about, subscribed(channel, number)) for number, key, name, about in topics],
            )
            for channel in in_use
        ],
    )


def save_preferences(
    db: Connection,
    contact_id: int,
    *,
    channel: str,
    subscribed_topics: set[str],
    everything_off: bool,
    proof: Mapping[str, object],
    now: datetime,
    address: str | None = None,
) -> list[tuple[str | None, Status]]:
    """Records what changed, in the caller's transaction, and returns it: (topic or None for the whole channel, decision).

    Saving the same again records nothing. Ticking a topic after having left everything opens that topic and no other.
    Without topics in use, `everything_off=False` opens the channel. `address` is the mailbox that spoke. Raises NotFound for a
    topic that is not in use.
    """
    consent.check_channel(channel)
    db.execute(consent.SQL.lock, {"contact_id": contact_id})
    states = consent.states(db, [contact_id], channels=(channel,), now=now)
    _check_topics(subscribed_topics, states)
    changes = _leaving(states) if everything_off else _choosing(states, subscribed_topics)
    for state, status in changes:
        consent.record(
            db, contact_id=contact_id, channel=channel, topic_id=state.topic_id, status=status, source=SOURCE,
            proof={"choice": "preference centre", **proof}, actor="recipient", now=now,
            address=address,
        )  # fmt: skip
    return [(state.topic, status) for state, status in changes]


def _check_topics(wanted: set[str], states: list[ConsentState]) -> None:
    known = {state.topic for state in states if state.topic is not None}
    unknown = sorted(wanted - known)
    if unknown:
        raise NotFound(f"There is no topic {', '.join(unknown)}; there is {', '.join(sorted(known)) or 'none'}.")


def _leaving(states: list[ConsentState]) -> list[tuple[ConsentState, Status]]:
    """One decision about the whole channel, unless it stands for every topic already."""
    whole = next(state for state in states if state.topic_id is None)
    has_left = whole.on_record == "unsubscribed" and all(each.status == "unsubscribed" for each in states)
    return [] if has_left else [(whole, "unsubscribed")]


def _choosing(states: list[ConsentState], wanted: set[str]) -> list[tuple[ConsentState, Status]]:
    """The topics whose state is another than wanted. What is unknown is decided either way: it may count as consent."""
    topics = [state for state in states if state.topic_id is not None]
    if not topics:
        return [(state, "subscribed") for state in states if state.status != "subscribed"]
    asked: list[tuple[ConsentState, Status]] = [
        (state, "subscribed" if state.topic in wanted else "unsubscribed") for state in topics
    ]
    return [(state, status) for state, status in asked if state.status != status]
