"""Calls that block, in threads of which no process waits when it ends: a library may hang for longer than a stop may take."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from threading import BoundedSemaphore, Thread
from typing import Any, TypeVar

Result = TypeVar("Result")

LOOK_SECONDS = 0.02  # for a thread that has become free


class NeverBegan(Exception):
    """No thread was free in time."""


class Threads:
    """At most so many calls at once; others wait for their turn."""

    def __init__(self, most: int) -> None:
        self._free = BoundedSemaphore(most)

    async def call(self, work: Callable[..., Result], *arguments: Any, seconds: float) -> Result:
        """What `work` returns. Raises NeverBegan when there was no thread for it in so many seconds, TimeoutError when it did not end."""
        clock = asyncio.get_running_loop().time
        by = clock() + seconds
        while not self._free.acquire(blocking=False):
            if clock() >= by:
                raise NeverBegan
            await asyncio.sleep(LOOK_SECONDS)
        ended: Future[Result] = Future()
        ended.set_running_or_notify_cancel()  # from here on it cannot be taken back

        def run() -> None:
            try:
                ended.set_result(work(*arguments))
            except BaseException as error:  # noqa: BLE001 - told to whoever waits
                ended.set_exception(error)
            finally:
                self._free.release()

        try:
            Thread(target=run, daemon=True).start()
        except RuntimeError:  # the machine gives no more threads
            self._free.release()
            raise NeverBegan from None
        async with asyncio.timeout_at(by):
            return await asyncio.wrap_future(ended)
