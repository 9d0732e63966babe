"""What the worker looks after."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import Connection

from activation.campaigns import runs
from activation.channels.contract import StatusReader
from activation.delivery import dead_letters, epoch, outcomes, repair
from activation.delivery.send import TRIGGERED, Delivery, deliver
from activation.segments import live
from activation.segments.catalogue import Catalogue, catalogue
from activation.worker import first_line

LOG = logging.getLogger("engage.worker")

CATALOGUE_SECONDS = 10.0


@dataclass
class LiveSegments:
    """Brings live segments up to date with what landed."""

    clock: Callable[[], datetime]
    time_zone: str
    stop: threading.Event
    name: str = "live segments"
    channel: str = live.CHANNEL
    look_seconds: float = 15.0
    _names: Catalogue | None = None
    _statements: live.Statements = field(default_factory=live.Statements)
    _read_at: float = 0.0

    def work(self, db: Connection) -> None:
        """Rounds until nothing waits. A definition that fails in the database is logged; its round is tried again later."""
        if self._names is None or time.monotonic() - self._read_at > CATALOGUE_SECONDS:
            self._names, self._read_at = catalogue(db, self.time_zone), time.monotonic()
        while not self.stop.is_set():
            try:
                report = live.evaluate_changes(db, self._names, now=self.clock(), statements=self._statements)
            except psycopg.OperationalError:
                raise
            except psycopg.Error as error:
                LOG.error("Live segments were not evaluated: %s", first_line(error))  # noqa: TRY400
                return
            for key, problem in (report.problems or {}).items():
                LOG.warning("%s was left alone: %s", key, problem)
            if not report.contacts:
                return
            LOG.info("%d contacts evaluated: %d entries, %d exits", report.contacts, report.entered, report.exited)


@dataclass
class TriggeredMessages:
    """Delivers what was triggered, unless the database turns out to be an old one."""

    delivery: Callable[[], Delivery]
    home: Path
    stop: threading.Event
    name: str = "triggered messages"
    channel: str = "engage_outbox"
    look_seconds: float = 5.0

    def work(self, db: Connection) -> None:
        delivery = replace(self.delivery(), kinds=TRIGGERED, lanes=1, stop=self.stop)
        problem = epoch.check(db, self.home, now=delivery.clock())
        if problem:
            LOG.error("Nothing is sent: %s", problem)
            return
        report = deliver(delivery)
        for key, words in report.problems.items():
            LOG.warning("%s is held up: %s", key, words)
        if report.batches:
            runs.finish(db, now=delivery.clock())
            epoch.check(db, self.home, now=delivery.clock())


@dataclass
class Outcomes:
    """Counts what providers and recipients told us, and settles what nobody told for 48 hours."""

    clock: Callable[[], datetime]
    sandbox_seed: int | None
    stop: threading.Event = field(default_factory=threading.Event)
    name: str = "outcomes"
    channel: str = outcomes.NOTIFICATION
    look_seconds: float = 10.0

    def work(self, db: Connection) -> None:
        if self.sandbox_seed is not None:
            outcomes.land_sandbox_stories(db, seed=self.sandbox_seed, now=self.clock())
        while not self.stop.is_set() and outcomes.process(db, now=self.clock()):
            pass
        settled = dead_letters.settle_unknown(db, now=self.clock())
        if settled:
            LOG.info("Messages of unknown fate were settled by their provider's policy: %s", settled)


@dataclass
class MissedEvents:
    """Asks providers every hour for what their webhooks should have told us."""

    clock: Callable[[], datetime]
    readers: Mapping[str, StatusReader]
    stop: threading.Event = field(default_factory=threading.Event)
    name: str = "missed events"
    channel: str = "engage_repair"  # nobody wakes it but the hour
    look_seconds: float = 3600.0

    def work(self, db: Connection) -> None:
        for provider, reader in self.readers.items():
            report = repair.repair(db, provider, reader, now=self.clock(), wait=self.stop.wait)
            if report.problem:
                LOG.warning("%s could not be asked for missed events: %s", provider, report.problem)
            if report.asked:
                LOG.info("%s was asked about %d messages: %d had news", provider, report.asked, report.landed)
