"""Which provider the next batch goes to, and when it may be asked: priority, circuit breaker and pace, shared in the database.

closed -> open, on half bad answers in a window, or on one that concerns every message (a refused key, a used-up quota)
open -> half-open, when its time is over: one batch of one worker tries it; a good answer closes it, any other opens it again
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection

from activation.channels.contract import Accepted, Answer, Cause, Channel, ContentRefused, KeyConflict, NotProcessed
from engage_db import named_sql

SQL = named_sql.load(__file__)

Database = AsyncConnection[tuple[Any, ...]]
Connect = Callable[[], AbstractAsyncContextManager[Database]]

WINDOW = timedelta(seconds=60)
FEWEST_ANSWERS = 5  # fewer say nothing about a provider
MOST_BAD = 0.5
OPEN_FOR = {
    Cause.CONFIGURATION: timedelta(minutes=1),
    Cause.QUOTA: timedelta(hours=1),
    Cause.UNREACHABLE: timedelta(seconds=30),
}
PROBE_FOR = timedelta(seconds=60)
NOTE_EVERY = timedelta(seconds=1)
LONGEST_BREAK = timedelta(seconds=8)  # that a lane waits for, when a provider asks for one


@dataclass(frozen=True)
class Choice:
    """The provider to send through; a probe is to be one batch only."""

    channel: Channel
    usable: Sequence[str]  # whose begun batches may go on
    is_probe: bool = False
    takes_new: bool = True  # a probe of one that is not the next in line only goes on with what it has begun


@dataclass
class Providers:
    """The providers that one process may send through; what it learns of them, all processes heed."""

    channels: Mapping[str, Channel]
    connect: Connect
    clock: Callable[[], datetime]
    objections: dict[str, str] = field(default_factory=dict)
    is_probing: bool = False  # somebody is trying a provider that was not well
    _good: dict[str, int] = field(default_factory=dict)
    _unwell: set[str] = field(default_factory=set)
    _noted_at: dict[str, datetime] = field(default_factory=dict)

    async def open(self) -> None:
        """Gives providers that are new their place, and all of them the pace that the settings or a person allow."""
        names = list(self.channels)
        now = self.clock()
        async with self.connect() as db, db.transaction():
            await db.execute(
                SQL.register,
                {"providers": names, "channels": [self.channels[name].channel for name in names], "now": now},
            )
            rows = await (await db.execute(SQL.pace, {"providers": names})).fetchall()
            for name, requests_per_second, daily_limit in rows:
                rate = requests_per_second or self.channels[name].limits.requests_per_second
                await db.execute(
                    SQL.open_bucket,
                    {
                        "quota": f"provider/{name}",
                        "rate": rate,
                        "burst": max(1.0, (rate or 0.0) / 10),  # so that no second sees more than the rate and a tenth
                        "daily_limit": daily_limit,
                        "now": now,
                    },
                )

    async def choose(self, channel: str, began_with: str | None, campaign_run_id: int) -> Choice | None:
        """The highest provider that is well; what began in the sandbox stays there, what did not never goes there.

        One whose time to be tried again has come is tried before the others, also with what is its own to finish.
        """
        candidates = {
            name for name in self.channels if (name == "sandbox") == (began_with == "sandbox") or began_with is None
        }
        now = self.clock()
        async with self.connect() as db:
            question = {"channel": channel, "providers": sorted(candidates), "campaign_run_id": campaign_run_id}
            rows = await (await db.execute(SQL.health, {**question, "now": now})).fetchall()
            held = {row[0]: row[4] for row in rows if row[4] and row[4] > now + LONGEST_BREAK}
            self.objections = {name: reason for name, state, _, reason, *_ in rows if state != "closed" and reason}
            self.objections |= {name: f"{name} asked for a break until {held[name]:%H:%M:%S} UTC" for name in held}
            self._unwell = {row[0] for row in rows if row[1] != "closed"} | self._unwell - candidates
            self.is_probing = any(state == "half_open" and until and until > now for _, state, until, *_ in rows)
            usable = [row[0] for row in rows if row[1] == "closed" and row[0] not in held]
            is_next = True
            for name, state, open_until, _, _, has_begun in rows:
                if name in usable:
                    is_next = False
                elif (
                    name not in held
                    and state != "closed"
                    and open_until
                    and open_until <= now
                    and (is_next or has_begun)
                ):
                    probe = {"provider": name, "until": now + PROBE_FOR, "now": now}
                    if await (await db.execute(SQL.probe, probe)).fetchone():
                        return Choice(self.channels[name], [name], is_probe=True, takes_new=is_next)
                    self.is_probing = True  # somebody else was a moment earlier
        return Choice(self.channels[usable[0]], usable) if usable else None

    async def unused(self, provider: str) -> None:
        """There was nothing to try the provider with: the right to try it is free again."""
        async with self.connect() as db:
            await db.execute(SQL.unused, {"provider": provider, "now": self.clock()})

    async def draw(self, provider: str, wanted: int) -> tuple[int, datetime]:
        """Turns to ask the provider, at most so many; and when the next will be there."""
        async with self.connect() as db:
            question = {"quota": f"provider/{provider}", "wanted": wanted, "now": self.clock()}
            row = await (await db.execute(SQL.draw, question)).fetchone()
        assert row is not None, f"{provider} has no bucket"
        return int(row[0]), row[1]

    async def heed(self, provider: str, answer: Answer) -> None:
        """Takes note of an answer: opens or closes the breaker, slows everybody down where the provider asked for it."""
        now = self.clock()
        if isinstance(answer, Accepted):  # in the middle of which it may have come to a halt
            answer = next((one for one in answer.results if isinstance(one, NotProcessed)), answer)
        if isinstance(answer, Accepted | ContentRefused | KeyConflict):
            self._good[provider] = self._good.get(provider, 0) + 1
            if now - self._noted_at.get(provider, now - 2 * NOTE_EVERY) >= NOTE_EVERY or provider in self._unwell:
                await self._note(provider, bad=0, problem=None, now=now)
        elif isinstance(answer, NotProcessed) and answer.cause is Cause.RATE:
            until = now + timedelta(seconds=max(answer.retry_after or 1.0, 1.0))
            async with self.connect() as db:
                await db.execute(SQL.slow_down, {"quota": f"provider/{provider}", "until": until})
        elif isinstance(answer, NotProcessed) and answer.cause is Cause.IN_FLIGHT:
            return
        elif isinstance(answer, NotProcessed) and answer.cause in (Cause.CONFIGURATION, Cause.QUOTA):
            pause = timedelta(seconds=answer.retry_after) if answer.retry_after else OPEN_FOR[answer.cause]
            await self._trip(provider, now + pause, answer.words, now)
        else:
            await self._note(provider, bad=1, problem=answer.words, now=now)

    async def _note(self, provider: str, *, bad: int, problem: str | None, now: datetime) -> None:
        counts = {"good": self._good.pop(provider, 0), "bad": bad, "problem": problem}
        self._noted_at[provider] = now
        async with self.connect() as db, db.transaction():
            noted = {"provider": provider, **counts, "window_seconds": WINDOW.total_seconds(), "now": now}
            row = await (await db.execute(SQL.note, noted)).fetchone()
            assert row is not None
            state, good, wrong = row
            is_sick = wrong >= FEWEST_ANSWERS and wrong > MOST_BAD * (good + wrong)
            if problem and (state == "half_open" or is_sick):
                tripped = {
                    "provider": provider,
                    "open_until": now + OPEN_FOR[Cause.UNREACHABLE],
                    "reason": problem,
                    "now": now,
                }
                await db.execute(SQL.trip, tripped)

    async def _trip(self, provider: str, until: datetime, words: str, now: datetime) -> None:
        async with self.connect() as db:
            await db.execute(SQL.trip, {"provider": provider, "open_until": until, "reason": words, "now": now})

    async def close(self) -> None:
        """Lets go of connections to providers."""
        await asyncio.gather(*(channel.close() for channel in self.channels.values()))
