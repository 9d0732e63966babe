"""What every channel promises.

A channel turns mails into the exact bytes of a request, sends those bytes, and reads back what happened in words of ours.
It never touches the database, never sleeps, never retries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol


@dataclass(frozen=True)
class Mail:
    """One rendered mail; `message_id` is ours and travels as a tag."""

    message_id: int
    sender: str
    to: str
    subject: str
    html: str
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Accepted:
    """The provider took every mail of the batch; its ids in the order of the request."""

    provider_message_ids: Sequence[str]


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
    """The request was certainly not processed; it costs no attempt. `retry_after` in seconds where the provider gave it."""

    cause: Cause
    words: str
    retry_after: float | None = None


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
    """What a provider allows: mails in a batch, seconds it remembers an idempotency key (0: it has none), its pace."""

    batch_size: int
    key_seconds: int
    requests_per_second: float | None = None


class Channel(Protocol):
    """One provider of one channel."""

    name: str
    limits: Limits

    def encode(self, mails: Sequence[Mail]) -> bytes:
        """The body of the request: for the same mails always the same bytes."""

    async def send(self, body: bytes, *, size: int, idempotency_key: str) -> Answer:
        """Sends a body made by `encode` for `size` mails, once."""

    async def close(self) -> None:
        """Lets go of connections."""
