"""Tasks beside the main work of a process, and their end."""

from __future__ import annotations

import asyncio


async def stopped(task: asyncio.Task[None]) -> None:
    """Cancels a task and waits for its end; what it failed of, asyncio logs.

    Before Python 3.12 a cancellation may be lost, just as a pool hands a connection over: it is repeated.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.5)
