"""The web process: what recipients open, what providers post, and the management routes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from fastapi import FastAPI

from activation.channels.contract import WebhookReader
from activation.channels.registry import webhook_readers
from engage_db.settings import load_settings
from http_api import errors
from http_api import services as shared
from http_api.routes import campaigns, compliance, health, preferences, segments, tracking, unsubscribe, webhooks


def create_app(
    *, readers: Mapping[str, WebhookReader] | None = None, clock: Callable[[], datetime] = shared.now
) -> FastAPI:
    """The application; `readers` of webhooks are those of the settings unless given."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        settings = load_settings()
        async with shared.opened(
            settings, webhook_readers(settings) if readers is None else readers, clock
        ) as services:
            shared.attach(app, services)
            yield

    made = FastAPI(title="EqueEngage", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    for routes in (webhooks, tracking, unsubscribe, preferences, health, segments, campaigns, compliance):
        made.include_router(routes.router)
    errors.install(made)
    return made


app = create_app()
