"""The outbox's batches in the database: claimed, frozen, attempted, and settled by what the provider answered.

Every step is one short transaction, guarded by the batch's lease epoch: a worker that lost its lease changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import zstandard
from psycopg import AsyncConnection
from psycopg.rows import class_row

from activation.channels.contract import (
    Accepted,
    Answer,
    Cause,
    Channel,
    ContentRefused,
    KeyConflict,
    Mail,
    NotProcessed,
    OutcomeUnknown,
)
from activation.delivery import retry
from activation.delivery.compose import Envelope, compose
from activation.templates.render import RenderError, Version
from activation.tracking.tokens import Links
from engage_db import named_sql

SQL = named_sql.load(__file__, "outbox")

LEASE = timedelta(seconds=60)  # longer than any provider's timeout
QUOTA_PAUSE = timedelta(hours=1)

Database = AsyncConnection[tuple[Any, ...]]


@dataclass(frozen=True)
class Batch:
    """A batch that this worker holds."""

    batch_id: int
    batch_number: int
    provider: str
    idempotency_key: str
    state: str
    size: int
    body: bytes | None
    lease_epoch: int
    attempts: int
    first_attempt_at: datetime | None


async def claim(
    db: Database, campaign_run_id: int, *, channel: Channel, workspace: str, owner: str, now: datetime
) -> Batch | None:
    """Holds one batch of the run: one whose worker is gone, else a new one of due rows. None when nothing is due."""
    lease = {"campaign_run_id": campaign_run_id, "owner": owner, "lease_until": now + LEASE, "now": now}
    async with db.transaction():
        row = await (await db.execute(SQL.take_over, lease)).fetchone()
        if row is None:
            size = channel.limits.batch_size
            more = {"provider": channel.name, "workspace": workspace, "limit": size, "batch_size": size}
            row = await (await db.execute(SQL.claim, {**lease, **more})).fetchone()
        if row is None:
            return None
        return await _load(db, row[0], owner)


async def freeze(
    db: Database,
    batch: Batch,
    *,
    channel: Channel,
    envelope: Envelope,
    version_of: Callable[[int], Version],
    links: Links,
    now: datetime,
) -> Batch | None:
    """Renders the batch and stores the exact bytes of its request; a mail that cannot be rendered fails alone.

    None when no mail is left in it. The bytes are compressed by zstd.
    """
    async with db.transaction():
        rows = await (await db.execute(SQL.load_messages, {"batch_id": batch.batch_id})).fetchall()
        mails: list[Mail] = []
        for message_id, address, tokens, template_version_id in rows:
            try:
                mails.append(
                    compose(envelope, version_of(template_version_id), message_id, address, tokens or {}, links)
                )
            except RenderError as error:
                await db.execute(SQL.fail_rendering, {"message_id": message_id, "detail": str(error), "now": now})
        if not mails:
            await db.execute(
                SQL.release,
                {
                    **_held(batch),
                    "problem": "no mail of it could be rendered",
                    "next_attempt_at": now,
                    "now": now,
                },
            )
            return None
        if len(mails) < len(rows):
            await db.execute(SQL.renumber, {"batch_id": batch.batch_id})
        body = channel.encode(mails)
        stored = {
            "body": zstandard.compress(body),
            "sha256": hashlib.sha256(body).hexdigest(),
            "size": len(mails),
        }
        frozen = (await db.execute(SQL.freeze, {**_held(batch), **stored})).rowcount
    return await _load(db, batch.batch_id) if frozen else None


async def begin_attempt(db: Database, batch: Batch, *, now: datetime) -> int | None:
    """Counts the attempt before the first byte leaves; None when the lease was lost."""
    async with db.transaction():
        row = await (
            await db.execute(SQL.begin_attempt, {**_held(batch), "lease_until": now + LEASE, "now": now})
        ).fetchone()
    return int(row[0]) if row else None


async def settle(
    db: Database,
    batch: Batch,
    answer: Answer,
    *,
    attempts: int,
    channel: Channel,
    workspace: str,
    chance: Callable[[], float],
    now: datetime,
) -> None:
    """Writes down what the answer means for the batch and each of its messages."""
    held = _held(batch)
    async with db.transaction():
        match answer:
            case Accepted(results):
                await db.execute(SQL.record_accepted, {**held, "provider_message_ids": list(results), "now": now})
            case ContentRefused(words, position):
                await _refuse(db, batch, words, position, workspace=workspace, now=now)
            case KeyConflict(words):
                await _park(db, batch, "unknown", "the provider knows the key with another body", words, now)
            case NotProcessed(Cause.CONFIGURATION, words):
                await db.execute(SQL.release, {**held, "problem": words, "next_attempt_at": now, "now": now})
            case NotProcessed(cause, words, retry_after):
                pause = (
                    QUOTA_PAUSE
                    if cause is Cause.QUOTA and retry_after is None
                    else timedelta(seconds=max(retry_after or 1.0, 1.0))
                )
                await db.execute(
                    SQL.postpone,
                    {**held, "next_attempt_at": now + pause, "costs_attempt": False, "problem": words},
                )
            case OutcomeUnknown(words, retry_after):
                again = retry.next_attempt(attempts, now, chance=chance, retry_after=retry_after)
                if channel.limits.key_seconds == 0:
                    await _park(db, batch, "unknown", "the provider lost its answer", words, now)
                elif again is None:
                    await _park(db, batch, "dead", f"no clear answer in {attempts} attempts", words, now)
                else:
                    await db.execute(
                        SQL.postpone,
                        {**held, "next_attempt_at": again, "costs_attempt": True, "problem": words},
                    )


async def park_untrusted(db: Database, batch: Batch, *, now: datetime) -> None:
    """Sets aside a batch whose key the provider may have forgotten: sending it again could double it."""
    async with db.transaction():
        words = "its first attempt is so long ago that the provider may have forgotten its key"
        await _park(db, batch, "unknown", "too late to try again safely", words, now)


def body_of(batch: Batch) -> bytes:
    """The exact bytes to send."""
    assert batch.body is not None
    return zstandard.decompress(batch.body)


async def _refuse(
    db: Database, batch: Batch, words: str, position: int | None, *, workspace: str, now: datetime
) -> None:
    held = _held(batch)
    if position is None and batch.size > 1:
        await db.execute(SQL.split, {**held, "workspace": workspace, "words": words, "now": now})
        return
    await db.execute(SQL.refuse_one, {**held, "position": position or 0, "words": words, "now": now})
    await db.execute(SQL.release, {**held, "problem": words, "next_attempt_at": now, "now": now})


async def _park(db: Database, batch: Batch, state: str, reason: str, words: str, now: datetime) -> None:
    await db.execute(SQL.park, {**_held(batch), "state": state, "reason": reason, "words": words, "now": now})


async def _load(db: Database, batch_id: int, owner: str | None = None) -> Batch | None:
    async with db.cursor(row_factory=class_row(Batch)) as cursor:
        await cursor.execute(SQL.load_batch, {"batch_id": batch_id, "owner": owner})
        return await cursor.fetchone()


def _held(batch: Batch) -> dict[str, Any]:
    return {"batch_id": batch.batch_id, "lease_epoch": batch.lease_epoch}
