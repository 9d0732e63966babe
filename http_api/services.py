"""What the routes share: pools of connections, the landing, the keys of links, the readers of webhooks."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from fastapi import Request
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from activation.channels.contract import WebhookReader
from activation.tracking.tokens import Links
from engage_db.connection import database_url
from engage_db.settings import Settings
from engage_db.tasks import stopped
from http_api.heartbeat import beat
from http_api.landing import Landing

HOT_CONNECTIONS = 8
CALM_CONNECTIONS = 4
NETWORK_READERS = 4  # of the threads, so that people's clicks and unsubscribes always find others
WAIT_SECONDS = 3.0
# the server gives up a statement before we do, so that nothing runs on behalf of nobody
SESSION = "-c timezone=UTC -c statement_timeout=4s -c lock_timeout=3s"


@dataclass(frozen=True)
class Services:
    """Open from the start of the process to its end.

    `hot` serves what many recipients and providers ask at once; `calm` is for commands of activation, which run in threads.
    `network_readers` bounds the webhooks that wait for somebody else's answer in a thread.
    """

    settings: Settings
    hot: AsyncConnectionPool[Any]
    calm: ConnectionPool[Any]
    landing: Landing
    links: Links
    readers: Mapping[str, WebhookReader]
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    network_readers: asyncio.Semaphore


def services_of(request: Request) -> Services:
    """The services of the process that serves this request."""
    return cast("Services", request.state.services)


def now() -> datetime:
    """The clock of the process."""
    return datetime.now(UTC)


@asynccontextmanager
async def opened(
    settings: Settings, readers: Mapping[str, WebhookReader], clock: Callable[[], datetime]
) -> AsyncIterator[Services]:
    """Services in order. A database that is down now is waited for by each request, not by the start."""
    url = await asyncio.to_thread(database_url, "engage", settings)
    connection = {"options": SESSION, "application_name": "engage api", "autocommit": True, "connect_timeout": 5}
    async with AsyncExitStack() as stack:
        hot = AsyncConnectionPool(
            url, min_size=2, max_size=HOT_CONNECTIONS, kwargs=connection, timeout=WAIT_SECONDS, open=False,
            check=AsyncConnectionPool.check_connection, reconnect_timeout=5,
        )  # fmt: skip
        calm = ConnectionPool(
            url, min_size=0, max_size=CALM_CONNECTIONS, kwargs=connection, timeout=WAIT_SECONDS, open=False,
            check=ConnectionPool.check_connection, reconnect_timeout=5,
        )  # fmt: skip
        await hot.open()
        stack.push_async_callback(hot.close)
        calm.open()
        stack.callback(calm.close)
        landing = Landing(hot)
        writer = asyncio.create_task(landing.run())
        stack.push_async_callback(stopped, writer)
        stack.push_async_callback(stopped, asyncio.create_task(beat(hot, clock)))
        links = Links(public_url=settings.public_url, secrets=settings.signing_secrets())
        yield Services(
            settings, hot, calm, landing, links, readers, clock, new_id=lambda: secrets.token_urlsafe(12),
            network_readers=asyncio.Semaphore(NETWORK_READERS),
        )  # fmt: skip


def as_state(services: Services) -> Mapping[str, object]:
    """What a lifespan yields, so that `services_of` finds them."""
    return {"services": services}
