"""What runs beside the main work of a process comes to its end with it."""

from __future__ import annotations

import asyncio

from engage_db.tasks import stopped


def test_a_task_ends_even_when_it_is_cancelled_just_as_it_is_handed_a_connection():
    async def ends_in_time() -> bool:
        handed_over = asyncio.Event()

        async def serve() -> None:
            await asyncio.wait_for(handed_over.wait(), 60)  # as the pool waits: Python 3.11 loses a cancellation here
            await asyncio.sleep(3600)

        task = asyncio.create_task(serve())
        await asyncio.sleep(0.01)
        handed_over.set()
        await asyncio.sleep(0)  # the wait is over, and the task has not heard of it
        done, _ = await asyncio.wait([asyncio.create_task(stopped(task))], timeout=10)
        return bool(done) and task.cancelled()

    assert asyncio.run(ends_in_time())
