"""What a provider's answer means for a batch and each of its messages, written down under the batch's lease."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import orjson

from activation.channels.contract import (
    Accepted,
    Answer,
    Cause,
    ContentRefused,
    KeyConflict,
    NotProcessed,
    OutcomeUnknown,
    Refused,
)
from activation.delivery import retry
from activation.delivery.batches import LEASE, Batch, Database, grouped, held
from engage_db import named_sql

SQL = named_sql.load(__file__)

QUOTA_PAUSE = timedelta(hours=1)
KEY_CONFLICT = "the provider knows the key with another body"  # a reason that no policy settles, only a person


async def record_results(db: Database, answered: Sequence[tuple[Batch, Accepted]], *, now: datetime) -> None:
    """Writes down the provider's word on every message of some batches, in one statement; what it left is queued again."""
    told = [
        (batch.batch_id, message_id, result)
        for batch, answer in answered
        for message_id, result in zip(batch.message_ids, answer.results, strict=True)
        if not isinstance(result, NotProcessed)
    ]
    async with db.transaction():
        for batch, answer in answered:
            left = {
                message_id: _free_at(result, now)
                for message_id, result in zip(batch.message_ids, answer.results, strict=True)
                if isinstance(result, NotProcessed)
            }
            if left:
                back = {"message_ids": list(left), "next_attempt_ats": list(left.values()), "now": now}
                await db.execute(SQL.unspend, {**held(batch), "messages": len(left)})
                await db.execute(SQL.put_back, {**held(batch), **back})
        await db.execute(
            SQL.record_results,
            {
                "batch_ids": [batch.batch_id for batch, _ in answered],
                "lease_epochs": [batch.lease_epoch for batch, _ in answered],
                # as JSON: psycopg writes arrays value by value in Python
                "message_batches": _json(batch_id for batch_id, _, _ in told),
                "message_ids": _json(message_id for _, message_id, _ in told),
                "provider_message_ids": _json(None if isinstance(result, Refused) else result for _, _, result in told),
                "refusals": _json(result.words if isinstance(result, Refused) else None for _, _, result in told),
                "now": now,
            },
        )


def _json(values: Iterable[int | str | None]) -> str:
    return orjson.dumps(list(values)).decode()


async def settle(
    db: Database, batch: Batch, answer: Answer, *, key_seconds: int, workspace: str, owner: str,
    chance: Callable[[], float], now: datetime,
) -> list[Batch]:  # fmt: skip
    """Writes down what an answer other than Accepted means; returns the halves of a batch that was split, to be made anew."""
    ours = held(batch)
    async with db.transaction():
        match answer:
            case ContentRefused(words, position):
                return await _refuse(db, batch, words, position, workspace=workspace, owner=owner, now=now)
            case KeyConflict(words):
                await _park(db, batch, "unknown", KEY_CONFLICT, words, now)
                reason = f"a batch was parked, its key is known with another body: {words}"
                await db.execute(SQL.stop_run_of, {"batch_id": batch.batch_id, "reason": reason, "now": now})
            case NotProcessed(cause, words, retry_after):
                again = now + _pause(cause, retry_after)
                if batch.attempts == 1 and cause in (Cause.CONFIGURATION, Cause.QUOTA, Cause.UNREACHABLE):
                    await _release(db, batch, problem=words, free_at=_free_at(answer, now), now=now)
                else:
                    # in flight: an earlier attempt is being dealt with, so it has begun all the same
                    kept = max(batch.attempts - 1, int(cause is Cause.IN_FLIGHT))
                    await db.execute(
                        SQL.postpone, {**ours, "next_attempt_at": again, "attempts": kept, "problem": words}
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
                        {**ours, "next_attempt_at": next_at, "attempts": batch.attempts, "problem": words},
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
        await _release(db, batch, problem=problem, free_at=now, now=now)


async def _release(db: Database, batch: Batch, *, problem: str, free_at: datetime, now: datetime) -> None:
    await db.execute(SQL.unspend, {**held(batch), "messages": len(batch.message_ids)})
    await db.execute(SQL.release, {**held(batch), "problem": problem, "next_attempt_at": free_at, "now": now})


async def _refuse(
    db: Database, batch: Batch, words: str, position: int | None, *, workspace: str, owner: str, now: datetime
) -> list[Batch]:
    ours = held(batch)
    if position is not None and not 0 <= position < len(batch.message_ids):
        position = None
    if position is None and len(batch.message_ids) > 1:
        lease = {"workspace": workspace, "owner": owner, "lease_until": now + LEASE}
        rows = await db.execute(SQL.split, {**ours, **lease, "words": words, "now": now})
        return grouped(batch.provider, sorted(await rows.fetchall()))
    await db.execute(SQL.refuse_one, {**ours, "position": position or 0, "words": words, "now": now})
    await db.execute(SQL.unspend, {**ours, "messages": len(batch.message_ids) - 1})
    await db.execute(SQL.release, {**ours, "problem": words, "next_attempt_at": now, "now": now})
    return []


async def _park(db: Database, batch: Batch, state: str, reason: str, words: str, now: datetime) -> None:
    await db.execute(SQL.park, {**held(batch), "state": state, "reason": reason, "words": words, "now": now})


async def set_aside(db: Database, batch: Batch, *, until: datetime, now: datetime) -> None:
    """Lets go of a batch whose turn with the provider is too far away: its rows if nothing of it was tried, else as it is."""
    words = "the provider asked for a break"
    if not batch.attempts:
        await release(db, batch, problem=words, now=now)
        return
    async with db.transaction():
        waits = {"next_attempt_at": until, "attempts": batch.attempts, "problem": words}
        await db.execute(SQL.postpone, {**held(batch), **waits})


def _free_at(answer: NotProcessed, now: datetime) -> datetime:
    """When rows that nobody has seen may leave: at once where this provider has halted, since another one may be well."""
    halted = answer.cause in (Cause.CONFIGURATION, Cause.QUOTA)
    return now if halted else now + _pause(answer.cause, answer.retry_after)


def _pause(cause: Cause, retry_after: float | None) -> timedelta:
    if cause is Cause.QUOTA and retry_after is None:
        return QUOTA_PAUSE
    return timedelta(seconds=max(retry_after or 1.0, 1.0))
