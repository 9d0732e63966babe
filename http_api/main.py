"""The web process: what recipients open, what providers post, and the management routes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from fastapi import FastAPI
from starlette.applications import Starlette

from activation.channels.contract import WebhookReader
from activation.channels.registry import webhook_readers
from engage_db.memory import keep_what_is_loaded
from engage_db.settings import load_settings
from http_api import errors
from http_api import services as shared
from http_api.routes import campaigns, compliance, health, preferences, segments, tracking, unsubscribe, webhooks


def create_app(
    *, readers: Mapping[str, WebhookReader] | None = None, clock: Callable[[], datetime] = shared.now
) -> Starlette:
    """The application; `readers` of webhooks are those of the settings unless given.

    What comes by the thousand is routed by Starlette alone: through FastAPI's layers a request costs three times as much.
    """

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[Mapping[str, object]]:
        settings = load_settings()
        async with shared.opened(
            settings, webhook_readers(settings) if readers is None else readers, clock
        ) as services:
            yield shared.as_state(services)

    managed = FastAPI(title="EqueEngage", docs_url=None, redoc_url=None, openapi_url=None)
    for routes in (unsubscribe, preferences, health, segments, campaigns, compliance):
        managed.include_router(routes.router)
    made = Starlette(routes=[*webhooks.ROUTES, *tracking.ROUTES], lifespan=lifespan)
    made.router.default = managed
    for each in (managed, made):
        errors.install(each)
    return made


def serving() -> Starlette:
    """The application in a process that does nothing else."""
    keep_what_is_loaded()
    return create_app()
