"""One delivery in several processes, each with its share of the contacts; this module is also what the others of them run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from activation.delivery.configure import delivery_from
from activation.delivery.send import DRAIN, Delivery, DeliveryReport, deliver
from engage_db.memory import keep_what_is_loaded
from engage_db.settings import Settings, load_settings


def deliver_in_processes(settings: Settings, *, throttled_for: timedelta | None) -> DeliveryReport:
    """Delivers with as many processes as the settings say, this one among them, and adds up what they did.

    Interrupted, it has all of them drained at the same time. Once all have ended, it raises what its own share failed of, or
    CalledProcessError when another one failed.
    """
    count = settings.delivery_processes
    own = _delivery(settings, (0, count), threading.Event(), throttled_for)
    seconds = str(throttled_for.total_seconds()) if throttled_for else "0"
    others: list[subprocess.Popen[str]] = []
    with ThreadPoolExecutor(1, thread_name_prefix="own share") as one:
        try:
            for share in range(1, count):
                command = [sys.executable, "-m", "activation.delivery.processes", str(share), str(count), seconds]
                others.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            working = one.submit(deliver, own)
            wait([working])
            answers = [process.communicate()[0] for process in others]
        except BaseException:
            own.stop.set()
            _end(others)
            raise
    report = working.result()  # what it failed of, with its words, before another one's bare exit code
    for process in others:
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)
    return sum((DeliveryReport(**json.loads(answer)) for answer in answers), report)


def _end(processes: Sequence[subprocess.Popen[str]]) -> None:
    """Has all of them drained at once; one that takes longer than draining may take is killed, its batches are taken over."""
    for process in processes:
        process.terminate()
    by = time.monotonic() + DRAIN.total_seconds() + 1.5
    for process in processes:
        try:
            process.wait(timeout=max(0.1, by - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _delivery(
    settings: Settings, share: tuple[int, int], stop: threading.Event, throttled_for: timedelta | None
) -> Delivery:
    return delivery_from(settings, lambda: datetime.now(UTC), share=share, stop=stop, throttled_for=throttled_for)


def main(share: int, shares: int, seconds: float) -> None:
    """One share, until it is done or SIGTERM comes."""
    stop = threading.Event()
    keep_what_is_loaded()

    def end(*_: Any) -> None:
        stop.set()

    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, end)
    throttled_for = timedelta(seconds=seconds) if seconds else None
    delivery = _delivery(load_settings(), (share, shares), stop, throttled_for)
    sys.stdout.write(json.dumps(asdict(deliver(delivery))))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
