"""The fast lane: a resident process, woken by what lands, that acts within seconds.

Three duties in threads of their own: live segments; triggered messages; and what providers and recipients tell us. Each
waits for a notification, and looks anyway now and then: a notification may be lost with its connection, what landed is not.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import psycopg
from psycopg import Connection, sql

from engage_db import named_sql

LOG = logging.getLogger("engage.worker")
SQL = named_sql.load(__file__)

LISTEN_SECONDS = 1.0  # how long a stop may wait
BEAT_SECONDS = 10.0
DRAIN_SECONDS = 9.5  # for all duties together


class Duty(Protocol):
    """One thing that the worker looks after. `channel` wakes it, every `look_seconds` it looks anyway."""

    name: str
    channel: str
    look_seconds: float

    def work(self, db: Connection) -> None:
        """Does all that there is to do now. Whatever fails is tried again at the next look."""


@dataclass
class Worker:
    """Runs its duties until `stop` is set. A lost database is waited for; what was taken and not finished is taken again."""

    connect: Callable[[], Connection]
    clock: Callable[[], datetime]
    duties: Sequence[Duty]
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Serves until told to stop. Ends after the rounds in hand, within ten seconds."""
        threads = [
            threading.Thread(target=self._attend, args=(duty,), name=duty.name, daemon=True) for duty in self.duties
        ]
        for thread in threads:
            thread.start()
        started = self.clock()
        while not self.stop.is_set():
            self._beat(started)
            self.stop.wait(BEAT_SECONDS)
        by = time.monotonic() + DRAIN_SECONDS
        for thread in threads:
            thread.join(timeout=max(0.0, by - time.monotonic()))

    def _attend(self, duty: Duty) -> None:
        patience = 1.0
        while not self.stop.is_set():
            try:
                self._serve(duty)
                patience = 1.0
            except psycopg.OperationalError as error:
                LOG.warning(
                    "%s: the database does not answer, again in %.0f s: %s", duty.name, patience, first_line(error)
                )
                self.stop.wait(patience)
                patience = min(patience * 2, 30.0)
            except Exception:
                LOG.exception("%s failed, again in %.0f s", duty.name, patience)
                self.stop.wait(patience)
                patience = min(patience * 2, 30.0)

    def _serve(self, duty: Duty) -> None:
        with self.connect() as db:
            db.execute(sql.SQL("listen {}").format(sql.Identifier(duty.channel)))
            looked_at: float | None = None
            while not self.stop.is_set():
                woken = looked_at is None or bool(list(db.notifies(timeout=LISTEN_SECONDS, stop_after=1)))
                if not woken and looked_at is not None and time.monotonic() - looked_at < duty.look_seconds:
                    continue
                duty.work(db)
                looked_at = time.monotonic()

    def _beat(self, started: datetime) -> None:
        """Says that it lives, for the screens."""
        try:
            with self.connect() as db, db.transaction():
                who = {"host": socket.gethostname(), "pid": os.getpid(), "started": started, "now": self.clock()}
                db.execute(SQL.beat, who)
        except psycopg.Error as error:
            LOG.warning("The worker's heartbeat was not noted: %s", first_line(error))


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
