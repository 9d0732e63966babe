"""The outbox's batches in the database: claimed, frozen, attempted, and settled by what the provider answered.

Every step is one short transaction, guarded by the batch's lease epoch: a worker that lost its lease changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import zstandard
from psycopg import AsyncConnection

from activation.channels.contract import (
    Accepted,
    Answer,
    Cause,
    Channel,
    ContentRefused,
    HeaderBroken,
    KeyConflict,
    Mail,
    NotProcessed,
    OutcomeUnknown,
    Refused,
)
from activation.delivery import retry
from activation.templates.render import RenderError
from engage_db import named_sql

SQL = named_sql.load(__file__, "outbox")

LEASE = timedelta(seconds=60)  # longer than any provider's timeout
QUOTA_PAUSE = timedelta(hours=1)

Database = AsyncConnection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Row:
    """One message as it was frozen at the snapshot."""

    message_id: int
    address: str
    template_version_id: int
    tokens: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that this worker holds: `rows` of a new one, `body` once its bytes are frozen."""

    batch_id: int
    provider: str
    idempotency_key: str
    message_ids: Sequence[int]
    rows: Sequence[Row] = ()
    body: bytes = b""
    lease_epoch: int = 1
    attempts: int = 0
    first_attempt_at: datetime | None = None


@dataclass(frozen=True)
class Claim:
    """Who claims: for which run, in which share of the contacts, under which prefix of keys."""

    campaign_run_id: int
    channel: str
    is_marketing: bool
    workspace: str
    owner: str
    shard: int = 0
    shards: int = 1
    unknown_consent_counts: bool = False


async def claim(db: Database, claim: Claim, provider: Channel, *, most: int, now: datetime) -> list[Batch]:
    """Holds batches of at most `most` due rows; what may not be sent any more is skipped with its reason meanwhile."""
    async with db.transaction():
        if claim.is_marketing:
            await db.execute(SQL.lock_caps, {"channel": claim.channel})
        await db.execute(SQL.lock_run, {"campaign_run_id": claim.campaign_run_id})
        await db.execute(SQL.open_bucket, {"campaign_run_id": claim.campaign_run_id, "now": now})
        rows = await db.execute(
            SQL.claim,
            {
                "campaign_run_id": claim.campaign_run_id,
                "provider": provider.name,
                "unknown_counts": claim.unknown_consent_counts,
                "most": most,
                "batch_size": provider.limits.batch_size,
                "shard": claim.shard,
                "shards": claim.shards,
                "workspace": claim.workspace,
                "owner": claim.owner,
                "lease_until": now + LEASE,
                "now": now,
            },
        )
        return _grouped(provider.name, await rows.fetchall())


async def give_back(db: Database, campaign_run_id: int, *, now: datetime) -> None:
    """Queues the rows of batches whose worker was gone before it sent a byte; parks those that nobody may repeat any more."""
    run = {"campaign_run_id": campaign_run_id, "now": now}
    async with db.transaction():
        await db.execute(SQL.give_back, run)
        await db.execute(SQL.park_forgotten, {**run, "before": now - retry.LONGEST_KEY + retry.KEY_MARGIN})


async def take_over(
    db: Database, campaign_run_id: int, *, providers: Sequence[str], most: int, owner: str, now: datetime
) -> list[Batch]:
    """Holds frozen batches whose turn has come again, with a new lease epoch, the same key and the same bytes."""
    async with db.transaction():
        rows = await db.execute(
            SQL.take_over,
            {
                "campaign_run_id": campaign_run_id,
                "providers": list(providers),
                "most": most,
                "owner": owner,
                "lease_until": now + LEASE,
                "now": now,
            },
        )
        return [
            Batch(
                batch_id, provider, key, message_ids, (), zstandard.decompress(body), epoch, attempts, first_attempt_at
            )
            for batch_id, provider, key, _, message_ids, body, epoch, attempts, first_attempt_at in await rows.fetchall()
        ]


@dataclass
class Made:
    """A batch with its bytes made, not yet stored."""

    batch: Batch
    body: bytes
    stored: bytes
    hash: str
    broken: dict[int, str] = field(default_factory=dict)


async def set_aside(db: Database, batch: Batch, *, until: datetime, now: datetime) -> None:
    """Lets go of a batch whose turn with the provider is too far away: its rows if nothing of it was tried, else as it is."""
    words = "the provider asked for a break"
    if not batch.attempts:
        await release(db, batch, problem=words, now=now)
        return
    async with db.transaction():
        waits = {"next_attempt_at": until, "attempts": batch.attempts, "problem": words}
        await db.execute(SQL.postpone, {**_held(batch), **waits})


def make(batch: Batch, channel: Channel, compose: Callable[[Row], Mail]) -> Made:
    """Renders and encodes a batch: pure computing, for a thread. A mail that cannot be rendered is left out alone."""
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
                words = {"problem": "no mail of it could be rendered", "next_attempt_at": now, "now": now}
                await db.execute(SQL.release, {**_held(one.batch), **words})
        full = [one for one in made if one.body]
        started = [position < turns for position in range(len(full))]
        frozen = await db.execute(
            SQL.freeze,
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


async def begin_attempt(db: Database, batch: Batch, *, now: datetime) -> Batch | None:
    """Counts the attempt before the first byte leaves; None when the lease was lost."""
    async with db.transaction():
        lease = {**_held(batch), "lease_until": now + LEASE, "now": now}
        row = await (await db.execute(SQL.begin_attempt, lease)).fetchone()
    return replace(batch, attempts=int(row[0]), first_attempt_at=batch.first_attempt_at or now) if row else None


async def record_results(db: Database, answered: Sequence[tuple[Batch, Accepted]], *, now: datetime) -> None:
    """Writes down the provider's word on every message of some batches, in one statement."""
    told = [
        (batch.batch_id, message_id, result)
        for batch, answer in answered
        for message_id, result in zip(batch.message_ids, answer.results, strict=True)
    ]
    async with db.transaction():
        await db.execute(
            SQL.record_results,
            {
                "batch_ids": [batch.batch_id for batch, _ in answered],
                "lease_epochs": [batch.lease_epoch for batch, _ in answered],
                "message_batches": [batch_id for batch_id, _, _ in told],
                "message_ids": [message_id for _, message_id, _ in told],
                "provider_message_ids": [None if isinstance(result, Refused) else result for _, _, result in told],
                "refusals": [result.words if isinstance(result, Refused) else None for _, _, result in told],
                "now": now,
            },
        )


async def settle(
    db: Database, batch: Batch, answer: Answer, *, key_seconds: int, workspace: str, owner: str,
    chance: Callable[[], float], now: datetime,
) -> list[Batch]:  # fmt: skip
    """Writes down what an answer other than Accepted means; returns the halves of a batch that was split, to be made anew."""
    held = _held(batch)
    async with db.transaction():
        match answer:
            case ContentRefused(words, position):
                return await _refuse(db, batch, words, position, workspace=workspace, owner=owner, now=now)
            case KeyConflict(words):
                await _park(db, batch, "unknown", "the provider knows the key with another body", words, now)
                reason = f"a batch was parked, its key is known with another body: {words}"
                await db.execute(SQL.stop_run_of, {"batch_id": batch.batch_id, "reason": reason, "now": now})
            case NotProcessed(cause, words, retry_after):
                again = now + _pause(cause, retry_after)
                if batch.attempts == 1 and cause in (Cause.CONFIGURATION, Cause.QUOTA, Cause.UNREACHABLE):
                    # nobody has seen it: the rows are free for whichever provider is well
                    free_at = again if cause is Cause.UNREACHABLE else now
                    await db.execute(SQL.release, {**held, "problem": words, "next_attempt_at": free_at, "now": now})
                else:
                    # in flight: an earlier attempt is being dealt with, so it has begun all the same
                    kept = max(batch.attempts - 1, int(cause is Cause.IN_FLIGHT))
                    await db.execute(
                        SQL.postpone, {**held, "next_attempt_at": again, "attempts": kept, "problem": words}
                    )
            case OutcomeUnknown(words, retry_after):
                next_at = retry.next_attempt(batch.attempts, now, chance=chance, retry_after=retry_after)
                if key_seconds == 0:
                    await _park(db, batch, "unknown", "the provider lost its answer", words, now)
                elif next_at is None:
                    await _park(db, batch, "dead", f"no clear answer in {batch.attempts} attempts", words, now)
                else:
                    await db.execute(
                        SQL.postpone,
                        {**held, "next_attempt_at": next_at, "attempts": batch.attempts, "problem": words},
                    )
    return []


async def park_untrusted(db: Database, batch: Batch, *, key_seconds: int, now: datetime) -> None:
    """Sets aside a batch that may have been taken and whose key the provider may have forgotten, or never knew."""
    words = (
        "its first attempt is so long ago that the provider may have forgotten its key"
        if key_seconds
        else "its worker ended in the middle of an attempt, and the provider knows no keys"
    )
    async with db.transaction():
        await _park(db, batch, "unknown", "too late to try again safely", words, now)


async def release(db: Database, batch: Batch, *, problem: str, now: datetime) -> None:
    """Queues the rows of a batch that was never attempted."""
    async with db.transaction():
        await db.execute(SQL.release, {**_held(batch), "problem": problem, "next_attempt_at": now, "now": now})


async def _refuse(
    db: Database, batch: Batch, words: str, position: int | None, *, workspace: str, owner: str, now: datetime
) -> list[Batch]:
    held = _held(batch)
    if position is not None and not 0 <= position < len(batch.message_ids):
        position = None
    if position is None and len(batch.message_ids) > 1:
        lease = {"workspace": workspace, "owner": owner, "lease_until": now + LEASE}
        rows = await db.execute(SQL.split, {**held, **lease, "words": words, "now": now})
        return _grouped(batch.provider, sorted(await rows.fetchall()))
    await db.execute(SQL.refuse_one, {**held, "position": position or 0, "words": words, "now": now})
    await db.execute(SQL.release, {**held, "problem": words, "next_attempt_at": now, "now": now})
    return []


async def _park(db: Database, batch: Batch, state: str, reason: str, words: str, now: datetime) -> None:
    await db.execute(SQL.park, {**_held(batch), "state": state, "reason": reason, "words": words, "now": now})


def _grouped(provider: str, rows: Iterable[tuple[Any, ...]]) -> list[Batch]:
    """Batches of rows (batch_id, key, message_id, address, template_version_id, tokens), in their order."""
    batches = []
    for (batch_id, key), members in groupby(rows, key=lambda row: (row[0], row[1])):
        own = [Row(row[2], row[3], row[4], row[5] or {}) for row in members]
        batches.append(Batch(batch_id, provider, key, [row.message_id for row in own], own))
    return batches


def _pause(cause: Cause, retry_after: float | None) -> timedelta:
    if cause is Cause.QUOTA and retry_after is None:
        return QUOTA_PAUSE
    return timedelta(seconds=max(retry_after or 1.0, 1.0))


def _held(batch: Batch) -> dict[str, Any]:
    return {"batch_id": batch.batch_id, "lease_epoch": batch.lease_epoch}
