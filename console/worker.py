"""engage worker: the fast lane."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType

from console.environment import check_migrated, now


def worker() -> None:
    """Live segments, triggered messages and outcomes, as soon as something lands, until Ctrl-C or SIGTERM."""
    from activation.channels.registry import status_readers
    from activation.delivery.configure import delivery_from
    from activation.duties import LiveSegments, MissedEvents, Outcomes, TriggeredMessages
    from activation.worker import Worker
    from engage_db.connection import connect_engage
    from engage_db.memory import keep_what_is_loaded
    from engage_db.settings import load_settings

    check_migrated()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings, stop = load_settings(), threading.Event()
    serving = Worker(
        connect=lambda: connect_engage(application="engage worker", autocommit=True),
        clock=now,
        duties=[
            LiveSegments(now, settings.workspace_time_zone, stop),
            TriggeredMessages(lambda: delivery_from(settings, now), settings.engage_home, stop),
            Outcomes(now, settings.sandbox_seed if settings.mail_provider == "sandbox" else None, stop),
            MissedEvents(now, status_readers(settings), stop),
        ],
        stop=stop,
    )

    def end(_signum: int, _frame: FrameType | None) -> None:
        stop.set()

    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, end)
    keep_what_is_loaded()
    serving.run()
