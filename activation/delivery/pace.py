"""Requests to one provider leave evenly, never faster than it allows; nothing is caught up."""

from __future__ import annotations

import asyncio
import time


class Pace:
    """Gives turns to the lanes of one process."""

    def __init__(self, requests_per_second: float | None) -> None:
        self._gap = 1 / requests_per_second if requests_per_second else 0.0
        self._next = 0.0

    async def turn(self) -> None:
        """Waits until the next request may leave."""
        now = time.monotonic()
        at = max(now, self._next)
        self._next = at + self._gap
        if at > now:
            await asyncio.sleep(at - now)

    def hold(self, seconds: float) -> None:
        """The provider asked for a break: nobody's turn comes before it is over."""
        self._next = max(self._next, time.monotonic() + seconds)
