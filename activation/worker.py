"""The fast lane: a resident process, woken by what lands, that brings live segments up to date within seconds."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import psycopg
from psycopg import Connection, sql

from activation.segments import live
from activation.segments.catalogue import Catalogue, catalogue

LOG = logging.getLogger("engage.worker")

LISTEN_SECONDS = 1.0  # how long a stop may wait
LOOK_ANYWAY_SECONDS = 15.0  # a notification may be lost with its connection; what landed is not
CATALOGUE_SECONDS = 10.0


@dataclass
class Worker:
    """Runs until `stop` is set. A lost database is waited for; what was taken and not finished is taken again."""

    connect: Callable[[], Connection]
    clock: Callable[[], datetime]
    time_zone: str
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Serves until told to stop. Ends within a second or two of that, after the round in hand."""
        patience = 1.0
        while not self.stop.is_set():
            try:
                self._serve()
                patience = 1.0
            except psycopg.OperationalError as error:
                LOG.warning("The database does not answer, trying again in %.0f s: %s", patience, _first_line(error))
                self.stop.wait(patience)
                patience = min(patience * 2, 30.0)

    def _serve(self) -> None:
        with self.connect() as db:
            db.execute(sql.SQL("listen {}").format(sql.Identifier(live.CHANNEL)))
            names, read_at, looked_at = self._names(db), time.monotonic(), 0.0
            while not self.stop.is_set():
                woken = bool(list(db.notifies(timeout=LISTEN_SECONDS, stop_after=1))) if looked_at else True
                now = time.monotonic()
                if not woken and now - looked_at < LOOK_ANYWAY_SECONDS:
                    continue
                if now - read_at > CATALOGUE_SECONDS:
                    names, read_at = self._names(db), now
                self._drain(db, names)
                looked_at = time.monotonic()

    def _drain(self, db: Connection, names: Catalogue) -> None:
        """Rounds until nothing waits. A definition that fails in the database is logged; its round is tried again later."""
        while not self.stop.is_set():
            try:
                report = live.evaluate_changes(db, names, now=self.clock())
            except psycopg.OperationalError:
                raise
            except psycopg.Error as error:
                LOG.error("Live segments were not evaluated: %s", _first_line(error))  # noqa: TRY400
                return
            for key, problem in (report.problems or {}).items():
                LOG.warning("%s was left alone: %s", key, problem)
            if not report.contacts:
                return
            LOG.info("%d contacts evaluated: %d entries, %d exits", report.contacts, report.entered, report.exited)

    def _names(self, db: Connection) -> Catalogue:
        return catalogue(db, self.time_zone)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
