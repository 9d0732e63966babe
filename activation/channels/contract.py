"""What every channel promises.

A channel turns mails into the exact bytes of a request, sends those bytes, reads back what happened in words of ours, and
checks and reads what its provider tells us afterwards. It never touches the database, never sleeps, never retries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol


class Mail(NamedTuple):
    """One rendered mail; `message_id` is ours and travels as a tag."""

    message_id: int
    sender: str
    to: str
    subject: str
    html: str
    text: str
    headers: Mapping[str, str] = MappingProxyType({})
    tags: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Refused:
    """One message of a batch that the provider will never take, in its words."""

    words: str


@dataclass(frozen=True)
class ContentRefused:
    """Nothing was accepted because of what a mail contains; `position` says which, where the provider said so."""

    words: str
    position: int | None = None


class Cause(Enum):
    """Why a batch is to wait: not processed by this request, which therefore costs no attempt."""

    RATE = "rate"
    IN_FLIGHT = "in flight"
    QUOTA = "quota"
    CONFIGURATION = "configuration"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class NotProcessed:
    """It was certainly not processed, and costs no attempt. `retry_after` in seconds where the provider gave it."""

    cause: Cause
    words: str
    retry_after: float | None = None


@dataclass(frozen=True)
class Accepted:
    """The provider dealt with every message, told in the order of the request: its id of each, or a refusal of that one alone.

    NotProcessed are those that it left for a reason which is not theirs, such as credits that ended between two of them.
    """

    results: Sequence[str | Refused | NotProcessed]


@dataclass(frozen=True)
class OutcomeUnknown:
    """It may have been processed: only the same bytes under the same key may follow."""

    words: str
    retry_after: float | None = None


@dataclass(frozen=True)
class KeyConflict:
    """The key is known to the provider with another body: parked for a person, never sent under a new key."""

    words: str


Answer = Accepted | ContentRefused | NotProcessed | OutcomeUnknown | KeyConflict


@dataclass(frozen=True)
class Limits:
    """What a provider allows: messages in a request, seconds it remembers an idempotency key (0: it has none), its pace."""

    batch_size: int
    key_seconds: int
    requests_per_second: float | None = None


EventType = Literal[
    "queued", "sent", "delivered", "deferred", "bounced", "rejected", "complained", "opened", "clicked", "unsubscribed"
]
Bounce = Literal["hard", "soft", "uncounted"]


@dataclass(frozen=True)
class Outcome:
    """One thing that a provider tells of a message, in our words.

    `type` is an EventType, or the provider's own word, kept and not counted. `event_id` is the provider's and the same each
    time it tells it. `message_id` is ours, from the tag, where it came along, and `epoch` says of which database. `bounce`: hard
    suppresses at once, soft counts towards a run, uncounted (too large, content or policy refused) suppresses nobody.
    """

    type: str
    event_id: str
    occurred_at: datetime
    message_id: int | None = None
    epoch: str | None = None
    provider_message_id: str | None = None
    bounce: Bounce | None = None
    words: str | None = None
    link: str | None = None
    agent: str | None = None
    ip: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)


class HeaderBroken(ValueError):
    """A mail whose header would not stay one line; `message_id` says which. Whoever wrote the value could add headers."""

    def __init__(self, message_id: int, header: str) -> None:
        super().__init__(f"message {message_id}: {header} holds a line break")
        self.message_id = message_id
        self.header = header


class WebhookRefused(Exception):
    """A request that did not come from the provider, or too late: nothing of it may be stored. Says why, never a secret."""


class WebhookInvalid(Exception):
    """A genuine request that cannot be read: answered with 400."""


class StatusUnavailable(Exception):
    """A provider that does not answer what became of a mail: nothing more may be asked now. In its words, without secrets."""


class Channel(Protocol):
    """One provider of one channel."""

    name: str
    channel: str
    limits: Limits

    def encode(self, mails: Sequence[Mail]) -> bytes:
        """The body of the request: for the same mails always the same bytes."""

    async def send(self, body: bytes, *, size: int, idempotency_key: str) -> Answer:
        """Sends a body made by `encode` for `size` mails, once."""

    async def close(self) -> None:
        """Lets go of connections."""


class WebhookReader(Protocol):
    """How a provider's webhook is verified and read.

    `asks_network`: reading may wait for an answer from elsewhere, such as a certificate, so it must not hold up other requests.
    """

    asks_network: bool

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> list[Outcome]:
        """The outcomes that a raw request tells of; an empty list for one that asks for nothing to be stored.

        Header names are lower case. Raises WebhookRefused for a wrong signature, a stale timestamp or a missing secret,
        WebhookInvalid for a genuine request that cannot be read.
        """


class StatusReader(Protocol):
    """How a provider is asked what became of one mail that it accepted. Never sleeps, never repeats."""

    requests_per_second: float

    def last_word(self, provider_message_id: str, *, now: datetime) -> Outcome | None:
        """What is known of the mail, without our message id; None where there is no news. Raises StatusUnavailable."""
