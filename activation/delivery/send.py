"""Delivers the runs that are sending: several lanes, each claim -> freeze -> call -> settle, until nothing is due."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import class_row

from activation.channels.contract import Cause, Channel, NotProcessed
from activation.delivery import batches, retry
from activation.delivery.batches import SQL, Batch, Database
from activation.delivery.compose import Envelope
from activation.delivery.pace import Pace
from activation.templates import versions
from activation.templates.render import Version
from activation.tracking.tokens import Links
from engage_db.pause import pause_point

LANES = 4
PATIENCE = timedelta(seconds=8)  # how long a lane waits for the next retry before it leaves it to the next delivery
UNREACHABLE_AT_MOST = 3


@dataclass(frozen=True)
class Sendable:
    """A run to work on."""

    campaign_run_id: int
    key: str
    name: str
    sender: str
    provider: str


@dataclass
class DeliveryReport:
    """What one delivery did; `problems` are the runs that could not go on, with the reason."""

    batches: int = 0
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Delivery:
    """Everything a delivery needs from outside."""

    engage_url: str
    channels: Mapping[str, Channel]
    links: Links
    workspace: str
    postal_address: str
    clock: Callable[[], datetime]
    chance: Callable[[], float] = random.random
    lanes: int = LANES

    async def run(self) -> DeliveryReport:
        """Delivers all that is due, run by run. What is not done when it ends is due later or has a stored problem."""
        report = DeliveryReport()
        async with await self._connect() as db:
            epoch = await (await db.execute(SQL.epoch)).fetchone()
            async with db.cursor(row_factory=class_row(Sendable)) as cursor:
                runs = await (await cursor.execute(SQL.sendable_runs)).fetchall()
            await db.commit()
            key_prefix = f"{self.workspace}/{epoch[0] if epoch else 'none'}"
            try:
                for run in runs:
                    problem = await self._deliver(run, key_prefix, report)
                    async with db.transaction():
                        await db.execute(SQL.set_problem, {"campaign_run_id": run.campaign_run_id, "problem": problem})
                    if problem:
                        report.problems[run.key] = problem
            finally:
                for channel in self.channels.values():
                    await channel.close()
        return report

    async def _deliver(self, run: Sendable, key_prefix: str, report: DeliveryReport) -> str | None:
        channel = self.channels.get(run.provider)
        if channel is None:
            return (
                f"this run began with {run.provider}, which has no key any more: set it again, or cancel the campaign"
            )
        halt = Halt()
        pace = Pace(channel.limits.requests_per_second)
        async with asyncio.TaskGroup() as lanes:
            for number in range(self.lanes):
                owner = f"{socket.gethostname()}/{os.getpid()}/{number}"
                lane = _Lane(self, run, channel, key_prefix, owner, halt, pace, report)
                lanes.create_task(lane.work())
        return halt.problem

    async def _connect(self) -> Database:
        return await AsyncConnection.connect(
            self.engage_url, application_name="engage delivery", options="-c timezone=UTC", autocommit=True
        )


@dataclass
class Halt:
    """Shared by the lanes of a run: set when going on makes no sense, with the reason."""

    problem: str | None = None
    unreachable: int = 0

    def heed(self, answer: object) -> None:
        """Notes an answer that concerns more than its own batch."""
        if not isinstance(answer, NotProcessed):
            self.unreachable = 0
        elif answer.cause in (Cause.CONFIGURATION, Cause.QUOTA):
            self.problem = answer.words
        elif answer.cause is Cause.UNREACHABLE:
            self.unreachable += 1
            if self.unreachable >= UNREACHABLE_AT_MOST:
                self.problem = answer.words


@dataclass
class _Lane:
    delivery: Delivery
    run: Sendable
    channel: Channel
    key_prefix: str
    owner: str
    halt: Halt
    pace: Pace
    report: DeliveryReport
    versions: dict[int, Version] = field(default_factory=dict)

    async def work(self) -> None:
        async with await self.delivery._connect() as db:  # noqa: SLF001 - the lane is part of the delivery
            while self.halt.problem is None:
                batch = await batches.claim(
                    db, self.run.campaign_run_id,
                    channel=self.channel, workspace=self.key_prefix, owner=self.owner, now=self._now(),
                )  # fmt: skip
                if batch is not None:
                    await self._process(db, batch)
                    self.report.batches += 1
                elif not await self._wait(db):
                    return

    async def _process(self, db: Database, batch: Batch) -> None:
        pause_point("claimed")
        if batch.state == "claimed":
            frozen = await batches.freeze(
                db, batch,
                channel=self.channel, envelope=self._envelope(), version_of=self._version, links=self.delivery.links,
                now=self._now(),
            )  # fmt: skip
            if frozen is None:
                return
            batch = frozen
        pause_point("frozen")
        if batch.attempts and not retry.key_is_trusted(
            batch.first_attempt_at, self._now(), self.channel.limits.key_seconds
        ):
            await batches.park_untrusted(db, batch, now=self._now())
            return
        await self.pace.turn()
        attempts = await batches.begin_attempt(db, batch, now=self._now())
        if attempts is None:
            return
        answer = await self.channel.send(batches.body_of(batch), size=batch.size, idempotency_key=batch.idempotency_key)
        pause_point("answered")
        self.halt.heed(answer)
        await batches.settle(
            db, batch, answer,
            attempts=attempts, channel=self.channel, workspace=self.key_prefix, chance=self.delivery.chance, now=self._now(),
        )  # fmt: skip
        if isinstance(answer, NotProcessed) and answer.cause is Cause.RATE:
            self.pace.hold(answer.retry_after or 1.0)

    async def _wait(self, db: Database) -> bool:
        """Waits for the next row or batch that comes due soon; False when there is none worth waiting for."""
        async with db.transaction():
            row = await (await db.execute(SQL.waiting, {"campaign_run_id": self.run.campaign_run_id})).fetchone()
        due = row[0] if row else None
        if due is None or due - self._now() > PATIENCE:
            return False
        await asyncio.sleep(max(0.05, (due - self._now()).total_seconds()))
        return await self._may_go_on(db)

    async def _may_go_on(self, db: Database) -> bool:
        async with db.transaction():
            rows = await (await db.execute(SQL.sendable_runs)).fetchall()
        return any(row[0] == self.run.campaign_run_id for row in rows)

    def _envelope(self) -> Envelope:
        return Envelope(
            campaign_run_id=self.run.campaign_run_id,
            campaign_key=self.run.key,
            campaign_name=self.run.name,
            sender=self.run.sender,
            postal_address=self.delivery.postal_address,
            workspace=self.delivery.workspace,
        )

    def _version(self, template_version_id: int) -> Version:
        if template_version_id not in self.versions:
            with psycopg.connect(self.delivery.engage_url) as db:
                self.versions[template_version_id] = versions.load(db, template_version_id)
        return self.versions[template_version_id]

    def _now(self) -> datetime:
        return self.delivery.clock()


def deliver(delivery: Delivery) -> DeliveryReport:
    """Runs a delivery to its end from code that is not asynchronous. A lane's failure is raised as it is."""
    try:
        return asyncio.run(delivery.run())
    except ExceptionGroup as lanes:
        raise lanes.exceptions[0] from None
