"""Deliveries in processes of their own that start at once: this process has imported everything and forks one per order.

An order is a line of JSON on stdin; the answer a line on stdout. {"start": {...}} gives a pid, {"poll": pid} its exit code or null.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from activation.channels.email.resend import Resend
from activation.delivery.compose import composer_from
from activation.delivery.send import Delivery, deliver
from engage_db.settings import load_settings

ROOT = Path(__file__).parents[2]
SECRET = "the same for every process"


@dataclass
class Sender:
    """One delivery under way."""

    pid: int
    server: Deliverers

    def signal(self, signum: int) -> None:
        os.kill(self.pid, signum)

    def kill(self) -> None:
        """kill -9, and gone."""
        self.signal(signal.SIGKILL)
        assert self.wait() == -signal.SIGKILL

    def wait(self, seconds: float = 60) -> int:
        """Its exit code."""
        by = time.monotonic() + seconds
        while (code := self.poll()) is None:
            assert time.monotonic() < by, f"the delivery had not ended after {seconds:.0f} s"
            time.sleep(0.02)
        return code

    def poll(self) -> int | None:
        code: int | None = self.server.ask({"poll": self.pid})
        return code


@dataclass
class Deliverers:
    """Starts deliveries."""

    process: subprocess.Popen[str]
    home: Path
    order: dict[str, Any]

    def start(self, **order: Any) -> Sender:
        """pause_at=, rate=, batch_size=, key_seconds=, share=, seconds_ahead=, log=; and url= of another provider."""
        return Sender(self.ask({"start": {**self.order, **order}}), self)

    def run(self, **order: Any) -> None:
        """One delivery to its end."""
        assert self.start(**order).wait() == 0

    def kill_at(self, point: str, **order: Any) -> None:
        """Starts one and kills it as it comes to a named point."""
        running = self.start(pause_at=point, **order)
        marker = self.home / "paused_at"
        by = time.monotonic() + 30
        while not marker.exists():
            assert running.poll() is None, f"the delivery ended before it came to {point}"
            assert time.monotonic() < by, f"the delivery never came to {point}"
            time.sleep(0.01)
        running.kill()
        marker.unlink()

    def ask(self, order: dict[str, Any]) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@contextmanager
def deliverers(engage_url: str, provider_url: str, home: Path) -> Iterator[Deliverers]:
    """A server of deliveries of that database through that provider; its children end with it."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ENGAGE", "RESEND"))},
        "ENGAGE_HOME": str(home),
        "ENGAGE_DATABASE_URL": engage_url,
        "SECRET_KEY": SECRET,
    }
    command = [sys.executable, "-m", "tests.support.deliverer"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Deliverers(process, home, {"url": provider_url})
        finally:
            process.stdin.close()  # type: ignore[union-attr]
            process.wait(10)


def main() -> None:
    """Serves orders until stdin closes, then ends what still runs."""
    children: dict[int, int | None] = {}
    for line in sys.stdin:
        order = json.loads(line)
        if "start" in order:
            pid = os.fork()
            if pid == 0:
                _child(order["start"])
            children[pid] = None
            answer: int | None = pid
        else:
            answer = _polled(children, order["poll"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    for pid, code in children.items():
        if code is None:
            os.kill(pid, signal.SIGKILL)


def _polled(children: dict[int, int | None], pid: int) -> int | None:
    if children[pid] is None:
        done, status = os.waitpid(pid, os.WNOHANG)
        children[pid] = os.waitstatus_to_exitcode(status) if done else None
    return children[pid]


def _child(order: dict[str, Any]) -> None:
    code = 1
    try:
        _deliver(order)
        code = 0
    finally:
        os._exit(code)


def _deliver(order: dict[str, Any]) -> None:
    os.environ["ENGAGE_PAUSE_AT"] = order.get("pause_at", "")
    load_settings.cache_clear()
    settings, stop = load_settings(), threading.Event()
    if "log" in order:
        logging.basicConfig(level=logging.DEBUG, filename=order["log"], force=True)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    channel = Resend(
        api_key=order.get("api_key", "re_test"), api_url=order["url"], requests_per_second=order.get("rate", 1000.0)
    )
    limits = {name: order[name] for name in ("batch_size", "key_seconds") if name in order}
    channel.limits = replace(channel.limits, **limits)
    ahead = timedelta(seconds=order.get("seconds_ahead", 0))
    which, shares = order.get("share", (0, 1))
    deliver(
        Delivery(
            engage_url=settings.engage_database_url,
            channels={"resend": channel},
            composer=composer_from(settings),
            clock=lambda: datetime.now(UTC) + ahead,
            share=(which, shares),
            stop=stop,
            home=settings.engage_home,
        )
    )


if __name__ == "__main__":
    main()
