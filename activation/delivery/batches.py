"""The outbox's batches in the database: claimed, taken over, attempted. making.py freezes them, settle.py ends them.

Every step is one short transaction, guarded by the batch's lease epoch: a worker that lost its lease changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

import zstandard
from psycopg import AsyncClientCursor, AsyncConnection

from activation.channels.contract import Channel
from activation.delivery import retry
from engage_db import named_sql

SQL = named_sql.load(__file__, "outbox")

LEASE = timedelta(seconds=60)  # longer than any provider's timeout

Database = AsyncConnection[tuple[Any, ...]]


class Row(NamedTuple):
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
    caps = [SQL.lock_caps] if claim.is_marketing else []
    # one message with a short answer, thus one transaction that ends by itself: whoever waits for its locks waits for Postgres
    # alone, and never for this process, which may be busy making mails, or frozen
    async with AsyncClientCursor(db) as cursor:
        await cursor.execute(
            ";".join([SQL.open_bucket, *caps, SQL.lock_day, SQL.lock_run, SQL.claim]),
            {
                "campaign_run_id": claim.campaign_run_id,
                "channel": claim.channel,
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
        while cursor.nextset():
            pass
        batch_ids = [batch_id for (batch_id,) in await cursor.fetchall()]
    if not batch_ids:
        return []
    rows = await db.execute(SQL.members, {"batch_ids": batch_ids})
    return grouped(provider.name, await rows.fetchall())


async def give_back(db: Database, campaign_run_id: int, *, keyed: Sequence[str], now: datetime) -> None:
    """Queues the rows of batches that nobody will send and of which nothing was processed; parks those too old to be repeated.

    `keyed` are the providers that have a key here.
    """
    run = {"campaign_run_id": campaign_run_id, "now": now}
    async with db.transaction():
        abandoned = await (await db.execute(SQL.abandoned, {**run, "keyed": list(keyed)})).fetchall()
        if abandoned:
            batch_ids = [batch_id for (batch_id,) in abandoned]
            await db.execute(SQL.unspend, {"batch_ids": batch_ids})
            await db.execute(SQL.give_back, {**run, "batch_ids": batch_ids})
        await db.execute(SQL.park_forgotten, {**run, "before": now - retry.LONGEST_KEY + retry.KEY_MARGIN})


async def take_over(
    db: Database, campaign_run_id: int, *, providers: Sequence[str], most: int, owner: str, now: datetime
) -> list[Batch]:
    """Holds frozen batches whose turn has come again, with a new lease epoch, the same key and the same bytes."""
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
        Batch(batch_id, provider, key, message_ids, (), zstandard.decompress(body), epoch, attempts, first_attempt_at)
        for batch_id, provider, key, _, message_ids, body, epoch, attempts, first_attempt_at in await rows.fetchall()
    ]


async def begin_attempt(db: Database, batch: Batch, *, now: datetime) -> Batch | None:
    """Counts the attempt before the first byte leaves; None when the lease was lost."""
    lease = {**held(batch), "lease_until": now + LEASE, "now": now}
    row = await (await db.execute(SQL.begin_attempt, lease)).fetchone()
    return replace(batch, attempts=int(row[0]), first_attempt_at=batch.first_attempt_at or now) if row else None


def grouped(provider: str, rows: Iterable[tuple[Any, ...]]) -> list[Batch]:
    """Batches of rows (batch_id, key, message_id, address, template_version_id, tokens), in their order."""
    batches = []
    for (batch_id, key), members in groupby(rows, key=lambda row: (row[0], row[1])):
        own = [Row(row[2], row[3], row[4], row[5] or {}) for row in members]
        batches.append(Batch(batch_id, provider, key, [row.message_id for row in own], own))
    return batches


def held(batch: Batch) -> dict[str, Any]:
    """What a statement must find of a batch that is still ours."""
    return {"batch_id": batch.batch_id, "lease_epoch": batch.lease_epoch}
