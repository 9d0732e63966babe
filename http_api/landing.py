"""What arrives from outside, stored before it is acknowledged.

Requests that arrive together are written by one statement and each is answered only after its commit: one disk flush then
serves many, which is what makes thousands a second possible.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import psycopg
from psycopg_pool import AsyncConnectionPool

from engage_db import named_sql

SQL = named_sql.load(__file__)

MOST_AT_ONCE = 1000  # rows of a statement
MOST_WAITING = 20_000  # rows; beyond, the sender is asked to come again, so that memory stays bounded
WRITE_SECONDS = 5.0  # a slower database counts as one that is down


class NotStored(Exception):
    """The database did not take it in time: the sender must try again."""


class NotStorable(Exception):
    """The database will never take it."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One row for landing.provider_events; `detail` and `payload` are JSON."""

    provider: str
    event_id: str
    type: str
    message_id: int | None
    provider_message_id: str | None
    occurred_at: datetime
    received_at: datetime
    detail: bytes
    payload: bytes


@dataclass(slots=True)
class _Waiting:
    rows: Sequence[Arrival]
    stored: asyncio.Future[None]


@dataclass
class Landing:
    """Writes what arrives, in the order of arrival. `run` must be running for `store` to end."""

    pool: AsyncConnectionPool[Any]
    _queue: deque[_Waiting] = field(default_factory=deque)
    _rows: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def store(self, rows: Sequence[Arrival]) -> None:
        """Returns once the rows are committed, or were before. Raises NotStored or NotStorable."""
        if not rows:
            return
        if self._rows + len(rows) > MOST_WAITING:
            raise NotStored
        waiting = _Waiting(rows, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._rows += len(rows)
        self._wake.set()
        await waiting.stored

    async def run(self) -> None:
        """Writes until it is cancelled; what still waits then is answered as not stored."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._queue:
                    await self._write_together(self._next_group())
        finally:
            for waiting in self._queue:
                _answer(waiting, NotStored())

    def _next_group(self) -> list[_Waiting]:
        group = [self._queue.popleft()]
        size = len(group[0].rows)
        while self._queue and size + len(self._queue[0].rows) <= MOST_AT_ONCE:
            group.append(self._queue.popleft())
            size += len(group[-1].rows)
        self._rows -= size
        return group

    async def _write_together(self, group: list[_Waiting]) -> None:
        try:
            await self._write([row for waiting in group for row in waiting.rows])
        except NotStorable as refusal:
            if len(group) == 1:
                _answer(group[0], refusal)
            else:  # one that cannot be stored keeps nobody else away
                for waiting in group:
                    await self._write_together([waiting])
        except asyncio.CancelledError:
            for waiting in group:
                _answer(waiting, NotStored())
            raise
        except (psycopg.Error, OSError, TimeoutError):
            for waiting in group:
                _answer(waiting, NotStored())
        else:
            for waiting in group:
                _answer(waiting, None)

    async def _write(self, rows: list[Arrival]) -> None:
        try:
            async with asyncio.timeout(WRITE_SECONDS), self.pool.connection() as db:
                await db.execute(SQL.land, {"rows": _as_json(rows), "now": max(row.received_at for row in rows)})
        except (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded) as error:
            raise NotStorable from error


def _as_json(rows: list[Arrival]) -> str:
    """All rows as one parameter: cheaper to make, and to read, than an array per column."""
    return orjson.dumps(
        [
            {
                "provider": row.provider,
                "event_id": row.event_id,
                "type": row.type,
                "message_id": row.message_id,
                "provider_message_id": row.provider_message_id,
                "occurred_at": row.occurred_at,
                "detail": orjson.Fragment(row.detail),
                "payload": orjson.Fragment(row.payload),
            }
            for row in rows
        ]
    ).decode()


def _answer(waiting: _Waiting, problem: Exception | None) -> None:
    with suppress(asyncio.InvalidStateError):  # whoever asked may have gone
        if problem is None:
            waiting.stored.set_result(None)
        else:
            waiting.stored.set_exception(problem)
