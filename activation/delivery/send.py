"""Delivers the runs that are sending: lanes of claim -> make -> freeze -> call -> settle, until nothing is due.

One code path for campaigns (from Dagster, in several processes by share of the contacts) and for triggered messages (from
`engage worker`). Told to stop, it finishes what is on its way, and within ten seconds it is gone.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import orjson
from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool

from activation.channels.contract import Channel
from activation.delivery import epoch
from activation.delivery.batches import SQL, Database
from activation.delivery.compose import Composer
from activation.delivery.lane import LOST, Lane, Run
from activation.delivery.providers import Providers
from engage_db.tasks import stopped

LOG = logging.getLogger("engage.delivery")

LANES = 3
CONNECTIONS = 12
# a worker that freezes in the middle of a claim would hold up everybody's: the database ends its transaction
SESSION = "-c timezone=UTC -c idle_in_transaction_session_timeout=10s"
DRAIN = timedelta(seconds=8)
LOOK_EVERY = timedelta(seconds=1)  # for runs that have begun meanwhile
CAMPAIGNS = ("broadcast", "recurring")
TRIGGERED = ("triggered",)


@dataclass
class DeliveryReport:
    """What one delivery did; `problems` are the runs that could not go on, with the reason."""

    batches: int = 0
    problems: dict[str, str] = field(default_factory=dict)

    def __add__(self, other: DeliveryReport) -> DeliveryReport:
        return DeliveryReport(self.batches + other.batches, {**self.problems, **other.problems})


@dataclass(frozen=True)
class Delivery:
    """Everything a delivery needs from outside. `share`: which, of how many shares of the contacts, comes first."""

    engage_url: str
    channels: Mapping[str, Channel]
    composer: Composer
    clock: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep  # how its lanes let the clock go on
    time_zone: str = "UTC"
    unknown_consent_counts: bool = False
    chance: Callable[[], float] = random.random
    lanes: int = LANES
    kinds: Sequence[str] = CAMPAIGNS
    share: tuple[int, int] = (0, 1)
    throttled_for: timedelta | None = None  # how long to stay with runs that are throttled; None: to their end
    stop: threading.Event = field(default_factory=threading.Event)
    home: Path | None = None  # where it is noted how far the database has come

    async def run(self) -> DeliveryReport:
        """Delivers all that is due, all runs at once, the most urgent first.

        What is not done when it ends is due later, was stopped, or has a stored problem.
        """
        report = DeliveryReport()
        async with self._pool() as pool:
            connect: Callable[[], AbstractAsyncContextManager[Database]] = pool.connection
            providers = Providers(self.channels, connect, self.clock)
            try:
                await providers.open()
                async with pool.connection() as db:
                    drawn = await (await db.execute(SQL.epoch)).fetchone()
                keys = f"{self.composer.workspace}/{drawn[0] if drawn else 'none'}"
                await self._until_stopped(self._deliver_all(pool, providers, keys, report))
            finally:
                await providers.close()
        return report

    async def _deliver_all(
        self, pool: AsyncConnectionPool[Database], providers: Providers, keys: str, report: DeliveryReport
    ) -> None:
        """All sendable runs, and those that become so while any is being delivered."""
        seen: set[int] = set()
        active: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as group:
            while not self.stop.is_set():
                for run in await self._sendable(pool, must=not active):
                    if run.campaign_run_id not in seen:
                        seen.add(run.campaign_run_id)
                        active.add(group.create_task(self._deliver(run, pool, providers, keys, report)))
                if not active:
                    return
                _, active = await asyncio.wait(active, timeout=LOOK_EVERY.total_seconds())

    async def _deliver(
        self, run: Run, pool: AsyncConnectionPool[Database], providers: Providers, keys: str, report: DeliveryReport
    ) -> None:
        host = f"{socket.gethostname()}/{self.share[0]}"
        who = {"campaign_run_id": run.campaign_run_id, "host": host}
        lanes = [
            Lane(self, run, pool.connection, providers, keys, f"{host}/{os.getpid()}/{number}", report)
            for number in range(self.lanes)
        ]
        beating = asyncio.create_task(self._beat(pool, who))
        try:
            ended = await asyncio.gather(*(lane.work() for lane in lanes), return_exceptions=True)
        finally:
            await stopped(beating)
            with suppress(*LOST):
                async with pool.connection() as db:
                    await db.execute(SQL.rest, {**who, "now": self.clock()})
                    await self._remember(db)
        problem = next((words for words in map(self._told, ended) if words), None)
        with suppress(*LOST):
            async with pool.connection() as db:
                await db.execute(SQL.set_problem, {"campaign_run_id": run.campaign_run_id, "problem": problem})
        if problem:
            report.problems[run.key] = problem

    def _told(self, ended: str | BaseException | None) -> str | None:
        """How a lane ended. One campaign that cannot go on keeps no other from going on; without a database, none can."""
        if isinstance(ended, LOST) or not isinstance(ended, Exception | str | None):
            raise ended
        if isinstance(ended, Exception):
            LOG.error("a lane failed; what it held is taken over when its lease is over", exc_info=ended)
            return f"delivery failed: {type(ended).__name__}; the log says where"
        return ended

    async def _beat(self, pool: AsyncConnectionPool[Database], who: Mapping[str, object]) -> None:
        """Says every few seconds that somebody works on the run, and notes how far it has come.

        The one keeps others from being called, by the other a database is known that is restored from a backup of this time.
        """
        while True:
            with suppress(*LOST):  # whoever works on the run will meet it, too
                async with pool.connection() as db:
                    await db.execute(SQL.beat, {**who, "pid": os.getpid(), "now": self.clock()})
                    await self._remember(db)
            await asyncio.sleep(5)

    async def _remember(self, db: Database) -> None:
        """Notes beside the data how far the database has come."""
        seen = await (await db.execute(epoch.SQL.look)).fetchone()
        if self.home is not None and seen is not None:
            epoch.note(self.home, epoch.Seen(str(seen[0]), int(seen[1])))

    async def _sendable(self, pool: AsyncConnectionPool[Database], *, must: bool) -> list[Run]:
        """The runs to work on. A database that is away is waited for by those at work: only who has none `must` know."""
        try:
            async with pool.connection() as db, db.cursor(row_factory=class_row(Run)) as cursor:
                await cursor.execute(SQL.sendable_runs, {"kinds": list(self.kinds)})
                return await cursor.fetchall()
        except LOST:
            if must:
                raise
            return []

    async def _until_stopped(self, work: object) -> None:
        """Runs to the end, or after a stop for as long as draining may take."""
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        drained_by: float | None = None
        clock = asyncio.get_running_loop().time
        while not task.done():
            await asyncio.wait({task}, timeout=0.1)
            if self.stop.is_set() and drained_by is None:
                drained_by = clock() + DRAIN.total_seconds()
            if drained_by is not None and clock() > drained_by:
                # whatever is still on its way keeps its lease, key and bytes: the next worker asks the provider again
                task.cancel()
                await asyncio.wait({task}, timeout=1)
                return
        await task

    def _pool(self) -> AsyncConnectionPool[Database]:
        return AsyncConnectionPool(
            self.engage_url,
            min_size=1,
            max_size=CONNECTIONS,
            kwargs={"application_name": "engage delivery", "options": SESSION, "autocommit": True},
            configure=_read_json_quickly,
            open=False,
        )


def deliver(delivery: Delivery) -> DeliveryReport:
    """Runs a delivery to its end from code that is not asynchronous. A lane's failure is raised as it is.

    It works in a thread of its own: whoever is interrupted while waiting for it has it drained first.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="delivery") as one:
        working = one.submit(asyncio.run, delivery.run())
        try:
            return working.result()
        except ExceptionGroup as lanes:
            raise lanes.exceptions[0] from None
        except BaseException:
            delivery.stop.set()
            raise


async def _read_json_quickly(db: AsyncConnection) -> None:
    set_json_loads(orjson.loads, db)
