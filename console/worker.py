"""engage worker: the fast lane."""

from __future__ import annotations

import logging
import signal
from types import FrameType

from console.environment import check_migrated, now


def worker() -> None:
    """Evaluates live segments as soon as something lands, until Ctrl-C or SIGTERM."""
    from activation.worker import Worker
    from engage_db.connection import connect_engage
    from engage_db.settings import load_settings

    check_migrated()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    serving = Worker(
        connect=lambda: connect_engage(application="engage worker", autocommit=True),
        clock=now,
        time_zone=load_settings().workspace_time_zone,
    )

    def stop(_signum: int, _frame: FrameType | None) -> None:
        serving.stop.set()

    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, stop)
    serving.run()
