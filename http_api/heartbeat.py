"""The web process says that it lives, for the screens."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from datetime import datetime
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

from engage_db import named_sql

LOG = logging.getLogger("engage.api")
SQL = named_sql.load(__file__)

BEAT_SECONDS = 10.0


async def beat(pool: AsyncConnectionPool[Any], clock: Callable[[], datetime], *, every: float = BEAT_SECONDS) -> None:
    """Notes a sign of life at once and then every so many seconds, until it is cancelled. An outage is passed over."""
    who = {"host": socket.gethostname(), "pid": os.getpid(), "started": clock()}
    while True:
        try:
            async with pool.connection() as db:
                await db.execute(SQL.beat, {**who, "now": clock()})
        except (psycopg.Error, OSError) as error:
            LOG.warning("The heartbeat of the API was not noted: %s", type(error).__name__)
        await asyncio.sleep(every)
