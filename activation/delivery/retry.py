"""When a batch whose outcome is unknown is tried again (sending.md): 1 s, 5 s, 30 s, 5 min, each ± 20 %, then never."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

DELAYS = (1.0, 5.0, 30.0, 300.0)
SPREAD = 0.2
LONGEST_KEY = timedelta(hours=24)  # no provider promises to remember a key for longer
KEY_MARGIN = timedelta(hours=1)  # a key this close to being forgotten by the provider is no longer trusted


def next_attempt(
    attempts: int, now: datetime, *, chance: Callable[[], float], retry_after: float | None = None
) -> datetime | None:
    """The time of the next attempt after `attempts` that ended unknown; None when that was the last.

    `chance` gives a number in [0, 1).
    """
    if attempts > len(DELAYS):
        return None
    delay = DELAYS[attempts - 1] * (1 + SPREAD * (2 * chance() - 1))
    return now + timedelta(seconds=max(delay, retry_after or 0.0))


def key_is_trusted(first_attempt_at: datetime | None, now: datetime, key_seconds: int) -> bool:
    """Whether the provider surely still remembers the key of the first attempt."""
    return first_attempt_at is None or now - first_attempt_at < timedelta(seconds=key_seconds) - KEY_MARGIN
