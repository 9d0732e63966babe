"""One lane of a delivery: what it holds it sends, and what it has sent it writes down, before it takes more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, TypeVar

from psycopg import InternalError, OperationalError
from psycopg_pool import PoolTimeout

from activation.channels.contract import Accepted, Answer, Channel, Mail, OutcomeUnknown
from activation.delivery import batches, making, retry, settle
from activation.delivery.batches import SQL, Batch, Claim, Database, Row
from activation.delivery.compose import Envelope
from activation.delivery.hours import hold_back
from activation.delivery.masking import masked
from activation.delivery.providers import LONGEST_BREAK, Choice, Providers
from activation.templates import versions
from activation.templates.render import Version
from engage_db.pause import pause_point

if TYPE_CHECKING:
    from activation.delivery.send import Delivery, DeliveryReport

Result = TypeVar("Result")
Called = tuple[Batch | None, Answer | None]

PATIENCE = timedelta(
    seconds=8
)  # how long a lane waits for the next row or retry; then it leaves it to the next delivery
LOST = (OperationalError, InternalError, PoolTimeout)  # the database is away, or ended what took too long
LOST_FOR = timedelta(seconds=60)
WHOLE = (0, 1)
MOST_ROWS = (
    2000  # in one claim: what a round costs, however few it holds, is a quarter of what a thousand mails cost Postgres
)
SLOW_BELOW = 100.0  # requests a second: below it a lane holds no more than it can send in a second
CALLS_AT_ONCE = 10
HOURS_EVERY = timedelta(seconds=10)
WRITE_EVERY = 1.0  # seconds, while other calls of the lane are under way


@dataclass(frozen=True)
class Run:
    """A run to work on."""

    campaign_run_id: int
    campaign_id: int
    key: str
    name: str
    sender: str
    provider: str | None
    message_class: str
    channel: str
    is_throttled: bool
    has_hours: bool


@dataclass
class Lane:
    """Works on one run until nothing of it is due soon."""

    delivery: Delivery
    run: Run
    connect: Callable[[], AbstractAsyncContextManager[Database]]
    providers: Providers
    keys: str
    owner: str
    report: DeliveryReport
    versions: dict[int, Version] = field(default_factory=dict)
    envelope: Envelope = field(init=False)
    share: tuple[int, int] = field(init=False)  # of the contacts: its process's own, until nothing of that is due
    _hours_at: datetime | None = None
    _idle: int = 0  # rounds in a row without anything to do
    _calls: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CALLS_AT_ONCE))

    def __post_init__(self) -> None:
        run = self.run
        self.share = self.delivery.share
        self.envelope = Envelope(
            run.campaign_run_id, run.key, run.name, run.sender, run.message_class, self.keys.rpartition("/")[2]
        )

    async def work(self) -> str | None:
        """Sends what is due, waiting for a database that is away. Returns what keeps it from going on, if anything does."""
        began, lost_at, patience = self._now(), None, 0.2
        while not self.delivery.stop.is_set():
            patient_until = began + self.delivery.throttled_for if self.delivery.throttled_for else None
            if self.run.is_throttled and patient_until and self._now() > patient_until:
                return None
            try:
                goes_on, objection = await self._round()
            except LOST:
                lost_at = lost_at or self._now()
                if self._now() - lost_at > LOST_FOR:
                    raise
                await self.delivery.sleep(patience)
                patience = min(2 * patience, 2.0)
                continue
            lost_at, patience = None, 0.2
            if not goes_on:
                return objection
        return None

    async def _round(self) -> tuple[bool, str | None]:
        """Chooses a provider and sends what is due; whether to go on, and if not, what is in the way."""
        choice = await self.providers.choose(self.run.channel, self.run.provider, self.run.campaign_run_id)
        if choice is None and self.providers.is_probing:
            await self.delivery.sleep(0.3)
            return True, None
        if choice is None:
            async with self.connect() as db:
                await self._give_back(db)
            return False, self._objection()
        if await self._send_due(choice):
            self._idle = 0
            return True, None
        if self.share != WHOLE:  # it helps the others with theirs, so that all are done at the same time
            self.share = WHOLE
            return True, None
        return await self._wait(choice), None

    async def _send_due(self, choice: Choice) -> bool:
        """One round: old batches first, else new ones. False when there was nothing."""
        if self.run.has_hours:
            await self._ask_hours_again()
        async with self.connect() as db:
            await self._give_back(db)
            held = await batches.take_over(
                db, self.run.campaign_run_id,
                providers=choice.usable, most=1 if choice.is_probe else self._batches(choice.channel),
                owner=self.owner, now=self._now(),
            )  # fmt: skip
            new = [] if held or not choice.takes_new else await batches.claim(
                db, self._claim(), choice.channel, most=self._rows(choice), now=self._now()
            )  # fmt: skip
        if new:
            pause_point("claimed")
            held = await self._freeze(new, choice.channel)
            pause_point("frozen")
        elif choice.is_probe and not held:
            await self.providers.unused(choice.channel.name)
        await self._call_all(held)
        self.report.batches += len(held)
        return bool(held or new)

    async def _give_back(self, db: Database) -> None:
        await batches.give_back(db, self.run.campaign_run_id, keyed=list(self.delivery.channels), now=self._now())

    async def _freeze(self, new: Sequence[Batch], channel: Channel) -> list[Batch]:
        """Makes and stores the bytes of new batches; those with a turn have begun."""
        await self._load_versions(new)
        made = []
        for batch in new:  # in this thread: another one would only fight with it for the interpreter
            made.append(making.make(batch, channel, self._compose))
            await asyncio.sleep(0)
        # without keys an attempt is counted only as it begins: one that a killed worker never made could not be told from one it made
        turns = (await self.providers.draw(channel.name, len(made)))[0] if channel.limits.key_seconds else 0
        async with self.connect() as db:
            return await making.freeze(db, made, turns=turns, now=self._now())

    async def _call_all(self, held: Sequence[Batch]) -> None:
        """Calls the provider for all, and writes the answers down as they come: what is not written within its lease is unknown.

        Told to end, it still writes down what has been answered.
        """
        calls = {asyncio.create_task(self._call(batch)) for batch in held}
        done: set[asyncio.Task[Called]] = set()
        problem: Exception | None = None
        try:
            while calls:
                done, calls = await asyncio.wait(calls, timeout=WRITE_EVERY)
                problem = await self._write_down(done) or problem
        except asyncio.CancelledError:
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            await self._write_down(done | calls)  # what was written already is not written twice
            raise
        if problem:
            raise problem

    async def _write_down(self, calls: Iterable[asyncio.Task[Called]]) -> Exception | None:
        """Notes what the provider said: the good answers together, the others one by one. What failed is returned."""
        problem: Exception | None = None
        accepted, others = [], []
        for call in calls:
            if call.cancelled():
                continue
            if isinstance(error := call.exception(), Exception):
                problem = error
                continue
            batch, answer = call.result()
            if batch is not None and isinstance(answer, Accepted):
                accepted.append((batch, answer))
            elif batch is not None and answer is not None:
                others.append((batch, answer))
        try:
            if accepted:
                await self._write(lambda db: settle.record_results(db, accepted, now=self._now()))
            for batch, answer in others:
                await self._settle(batch, answer)
        except Exception as error:  # noqa: BLE001 - the calls still under way are waited for all the same
            problem = error
        return problem

    async def _call(self, batch: Batch) -> Called:
        """One request, when the batch's turn has come. (None, None) when it is not ours any more or was set aside."""
        channel = self.delivery.channels[batch.provider]
        async with self._calls:
            if not batch.rows and batch.attempts and not await self._may_repeat(batch, channel):
                return None, None
            if not self._has_begun(batch):
                begun = await self._begin(batch)
                if begun is None:
                    return None, None
                batch = begun
            answer = await answered(channel, batch)
        pause_point("answered")
        with suppress(
            *LOST
        ):  # what it says of the provider is told again by the next; what it says of the mails is not
            await self.providers.heed(batch.provider, answer)
        return batch, answer

    async def _settle(self, batch: Batch, answer: Answer) -> None:
        halves = await self._write(
            lambda db: settle.settle(
                db, batch, answer,
                key_seconds=self.delivery.channels[batch.provider].limits.key_seconds, workspace=self.keys,
                owner=self.owner, chance=self.delivery.chance, now=self._now(),
            )
        )  # fmt: skip
        if halves:
            await self._call_all(await self._freeze(halves, self.delivery.channels[batch.provider]))

    async def _write(self, note: Callable[[Database], Awaitable[Result]]) -> Result:
        """Writes down what the provider said, waiting for a database that is away: what is not noted has to be asked again."""
        began, patience = self._now(), 0.1
        while True:
            try:
                async with self.connect() as db:
                    return await note(db)
            except LOST:
                if self.delivery.stop.is_set() or self._now() - began > batches.LEASE / 2:
                    raise
                await self.delivery.sleep(patience)
                patience = min(2 * patience, 2.0)

    async def _may_repeat(self, batch: Batch, channel: Channel) -> bool:
        """Whether a batch that may have been taken can be sent again; else it is parked."""
        seconds = channel.limits.key_seconds
        is_fresh = self._has_begun(batch)
        if is_fresh or (seconds and retry.key_is_trusted(batch.first_attempt_at, self._now(), seconds)):
            return True
        async with self.connect() as db:
            await settle.park_untrusted(db, batch, key_seconds=seconds, now=self._now())
        return False

    async def _begin(self, batch: Batch) -> Batch | None:
        """Waits for a turn with the provider, then counts the attempt. Gives the batch back when told to stop."""
        while True:
            turns, next_at = await self.providers.draw(batch.provider, 1)
            if turns:
                async with self.connect() as db:
                    return await batches.begin_attempt(db, batch, now=self._now())
            if self.delivery.stop.is_set() or next_at - self._now() > LONGEST_BREAK:
                async with self.connect() as db:
                    await settle.set_aside(db, batch, until=max(next_at, self._now()), now=self._now())
                return None
            await self.delivery.sleep(min(1.0, max(0.005, (next_at - self._now()).total_seconds())))

    async def _wait(self, choice: Choice) -> bool:
        """Waits for the next row or batch that comes due soon; False when there is none worth waiting for."""
        await self._ask_hours_again()
        question = {"campaign_run_id": self.run.campaign_run_id, "now": self._now()}
        question |= {"provider": choice.channel.name, "usable": list(choice.usable)}
        async with self.connect() as db:
            row = await (await db.execute(SQL.waiting, question)).fetchone()
        due = row[0] if row else None
        if due is None or due - self._now() > PATIENCE:
            return False
        # what is due and cannot be had is in other hands just now
        self._idle += 1
        least = min(1.0, 0.05 * 2 ** min(self._idle, 5))
        await self.delivery.sleep(min(1.0, max(least, (due - self._now()).total_seconds())))
        return await self._is_sendable()

    async def _is_sendable(self) -> bool:
        async with self.connect() as db:
            rows = await (await db.execute(SQL.sendable_runs, {"kinds": list(self.delivery.kinds)})).fetchall()
        return any(row[0] == self.run.campaign_run_id for row in rows)

    async def _ask_hours_again(self) -> None:
        """Now and then: rows whose permitted hours have passed wait for their next ones."""
        now = self._now()
        if self._hours_at and now - self._hours_at < HOURS_EVERY:
            return
        self._hours_at = now
        async with self.connect() as db:
            await hold_back(db, self.run.campaign_run_id, time_zone=self.delivery.time_zone, now=now)

    async def _load_versions(self, new: Sequence[Batch]) -> None:
        wanted = {row.template_version_id for batch in new for row in batch.rows} - set(self.versions)
        if wanted:
            async with self.connect() as db:
                self.versions.update(await versions.load_all(db, wanted))

    def _compose(self, row: Row) -> Mail:
        version = self.versions[row.template_version_id]
        return self.delivery.composer.compose(self.envelope, version, row.message_id, row.address, row.tokens)

    def _claim(self) -> Claim:
        shard, shards = self.share
        return Claim(
            self.run.campaign_run_id, self.run.channel, self.run.message_class == "marketing", self.keys, self.owner,
            shard, shards, self.delivery.unknown_consent_counts,
        )  # fmt: skip

    def _batches(self, channel: Channel) -> int:
        """How many batches to hold: what a slow provider takes in a second, of a quick one a claim's worth."""
        pace = channel.limits.requests_per_second
        if pace is not None and pace < SLOW_BELOW:
            return max(1, ceil(pace / self.delivery.lanes))
        return max(1, min(MOST_ROWS // channel.limits.batch_size, 100))

    def _rows(self, choice: Choice) -> int:
        size = choice.channel.limits.batch_size
        return size if choice.is_probe else size * self._batches(choice.channel)

    def _objection(self) -> str | None:
        words = next(iter(self.providers.objections.values()), None)
        if words:
            return words
        began = self.run.provider
        return (
            f"this run began with {began}, which has no key any more: set it again, or cancel the campaign"
            if began and began not in self.delivery.channels
            else "no provider of this channel is switched on: `engage provider list` shows them"
        )

    def _has_begun(self, batch: Batch) -> bool:
        """Whether the attempt was counted as the bytes were frozen."""
        return batch.attempts == 1 and batch.lease_epoch == 1

    def _now(self) -> datetime:
        return self.delivery.clock()


async def answered(channel: Channel, batch: Batch) -> Answer:
    """The channel's answer, with addresses in the provider's words masked. Whatever goes wrong in a channel: nobody knows."""
    size = len(batch.message_ids)
    try:
        answer = await channel.send(batch.body, size=size, idempotency_key=batch.idempotency_key)
    except Exception as error:  # noqa: BLE001 - it may have been after the bytes left
        return OutcomeUnknown(f"{channel.name} failed: {type(error).__name__}")
    if isinstance(answer, Accepted):
        if len(answer.results) != size:
            return OutcomeUnknown(f"{channel.name} answered for {len(answer.results)} of {size} mails")
        return Accepted(
            [one if isinstance(one, str) else replace(one, words=masked(one.words)) for one in answer.results]
        )
    return replace(answer, words=masked(answer.words))
