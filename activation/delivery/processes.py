"""Several processes for one delivery, each with its share of the contacts; this module is what each of them runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from activation.delivery.configure import delivery_from
from activation.delivery.send import DRAIN, DeliveryReport, deliver
from engage_db.memory import keep_what_is_loaded
from engage_db.settings import load_settings


def deliver_in_processes(count: int, *, throttled_for: timedelta | None) -> DeliveryReport:
    """Delivers with that many processes and adds up what they did; told to stop, it has them drained first.

    Raises CalledProcessError when one of them fails.
    """
    seconds = str(throttled_for.total_seconds()) if throttled_for else "0"
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "activation.delivery.processes", str(share), str(count), seconds],
            stdout=subprocess.PIPE, text=True,
        )
        for share in range(count)
    ]  # fmt: skip
    try:
        answers = [process.communicate()[0] for process in processes]
    except BaseException:
        _end(processes)
        raise
    for process in processes:
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)
    return sum((DeliveryReport(**json.loads(answer)) for answer in answers), DeliveryReport())


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


def main(share: int, shares: int, seconds: float) -> None:
    """One share, until it is done or SIGTERM comes."""
    stop = threading.Event()
    keep_what_is_loaded()

    def end(*_: Any) -> None:
        stop.set()

    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, end)
    delivery = delivery_from(
        load_settings(), lambda: datetime.now(UTC), share=(share, shares), stop=stop,
        throttled_for=timedelta(seconds=seconds) if seconds else None,
    )  # fmt: skip
    sys.stdout.write(json.dumps(asdict(deliver(delivery))))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
