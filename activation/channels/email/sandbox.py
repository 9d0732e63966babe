"""The sandbox: accepts every mail, sends none, and later tells a made-up but believable story of each.

The story of a message depends on the seed and its id only, so it can be told again at any time. Time is compressed: what
takes days in real life takes minutes here.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

import orjson

from activation.channels.contract import Accepted, Answer, Limits, Mail
from activation.channels.email.headers import one_line

STORY_SECONDS = 900  # after this nothing more happens to a message

BOUNCE_RATE, OPEN_RATE, CLICK_RATE, REOPEN_RATE = 0.012, 0.42, 0.22, 0.3
COMPLAINT_RATE, UNSUBSCRIBE_RATE = 0.0008, 0.012


@dataclass(frozen=True)
class Happening:
    """Something a provider would have told us by webhook."""

    type: str
    occurred_at: datetime
    number: int = 1
    detail: str = ""


class Sandbox:
    """A provider without a network."""

    name = "sandbox"
    channel = "email"
    limits = Limits(batch_size=1000, key_seconds=24 * 3600)

    def encode(self, mails: Sequence[Mail]) -> bytes:
        one_line(mails)
        return orjson.dumps([{"id": mail.message_id, "to": mail.to, "subject": mail.subject} for mail in mails])

    async def send(self, body: bytes, *, size: int, idempotency_key: str) -> Answer:  # noqa: ARG002 - the contract
        return Accepted([f"sandbox-{mail['id']}" for mail in orjson.loads(body)])

    async def close(self) -> None:
        return None


def story(seed: int, message_id: int, sent_at: datetime) -> Iterator[Happening]:
    """All that will ever happen to a message sent at that time, in order of causes."""
    chance = Random(hashlib.sha256(f"{seed}/{message_id}".encode()).digest())  # noqa: S311 - a play, not a secret
    delivered_at = sent_at + timedelta(seconds=chance.uniform(0.4, 3))
    if chance.random() < BOUNCE_RATE:
        is_hard = chance.random() < 0.6  # noqa: PLR2004
        yield Happening("bounced", delivered_at, detail="hard" if is_hard else "soft")
        return
    yield Happening("delivered", delivered_at)
    if chance.random() >= OPEN_RATE:
        return
    opened_at = delivered_at + timedelta(seconds=2.5 + math.exp(chance.gauss(2.6, 1.2)))
    yield Happening("opened", opened_at)
    if chance.random() < REOPEN_RATE:
        yield Happening("opened", opened_at + timedelta(seconds=chance.uniform(20, 200)), 2)
    if chance.random() < CLICK_RATE:
        yield Happening("clicked", opened_at + timedelta(seconds=chance.uniform(2.5, 30)))
    elif chance.random() < UNSUBSCRIBE_RATE / OPEN_RATE:
        yield Happening("unsubscribed", opened_at + timedelta(seconds=chance.uniform(2.5, 20)))
    elif chance.random() < COMPLAINT_RATE / OPEN_RATE:
        yield Happening("complained", opened_at + timedelta(seconds=chance.uniform(2.5, 20)))
