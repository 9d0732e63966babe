"""From claimed rows to the exact bytes of a request, stored before the first of them leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import zstandard

from activation.channels.contract import Channel, HeaderBroken, Mail
from activation.delivery import settle
from activation.delivery.batches import LEASE, SQL, Batch, Database, Row
from activation.templates.render import RenderError

# in binary: as text each byte of a body would be written as two
FREEZE = SQL.freeze.replace("%(bodies)s", "%(bodies)b")


@dataclass
class Made:
    """A batch with its bytes made, not yet stored."""

    batch: Batch
    body: bytes
    stored: bytes
    hash: str
    broken: dict[int, str] = field(default_factory=dict)


def make(batch: Batch, channel: Channel, compose: Callable[[Row], Mail]) -> Made:
    """Renders and encodes a batch: pure computing. A mail that cannot be rendered is left out alone."""
    mails: list[Mail] = []
    broken: dict[int, str] = {}
    for row in batch.rows:
        try:
            mails.append(compose(row))
        except RenderError as error:
            broken[row.message_id] = str(error)
    body = _encode(mails, channel, broken)
    left = [message_id for message_id in batch.message_ids if message_id not in broken] if broken else batch.message_ids
    stored = zstandard.compress(body, level=1)  # a hundred similar mails shrink some fifty-fold at any level
    return Made(replace(batch, message_ids=left), body, stored, hashlib.sha256(body).hexdigest(), broken)


def _encode(mails: list[Mail], channel: Channel, broken: dict[int, str]) -> bytes:
    """The bytes of the request; a mail whose headers no request can carry is left out alone, too."""
    while mails:
        try:
            return channel.encode(mails)
        except HeaderBroken as error:
            broken[error.message_id] = str(error)
            mails = [mail for mail in mails if mail.message_id != error.message_id]
    return b""


async def freeze(db: Database, made: Sequence[Made], *, turns: int, now: datetime) -> list[Batch]:
    """Stores the exact bytes of requests; the first attempt of as many as have turns begins with it.

    Returns the batches that are still ours and have a mail left, those that begin at once first.
    """
    async with db.transaction():
        for one in made:
            if one.broken:
                await db.execute(
                    SQL.leave_out,
                    {
                        "batch_id": one.batch.batch_id,
                        "message_ids": list(one.broken),
                        "details": list(one.broken.values()),
                        "now": now,
                    },
                )
            if not one.body:
                await settle.release(db, one.batch, problem="no mail of it could be rendered", now=now)
        full = [one for one in made if one.body]
        if not full:
            return []
        started = [position < turns for position in range(len(full))]
        frozen = await db.execute(
            FREEZE,
            {
                "batch_ids": [one.batch.batch_id for one in full],
                "bodies": [one.stored for one in full],
                "hashes": [one.hash for one in full],
                "started": started,
                "lease_until": now + LEASE,
                "now": now,
            },
        )
        ours = {row[0] for row in await frozen.fetchall()}
    return [
        replace(one.batch, rows=(), body=one.body, attempts=int(began), first_attempt_at=now if began else None)
        for one, began in zip(full, started, strict=True)
        if one.batch.batch_id in ours
    ]
