"""/health: whether this process can do its work."""

from __future__ import annotations

import psycopg
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from http_api.services import services_of

router = APIRouter(tags=["health"])
PATIENCE_SECONDS = 2.0


@router.get("/health")
async def health(request: Request) -> Response:
    """200 when the Engage DB answers, else 503."""
    try:
        async with services_of(request).hot.connection(timeout=PATIENCE_SECONDS) as db:
            await db.execute("select 1")
    except psycopg.OperationalError:
        return JSONResponse({"status": "the database does not answer"}, status_code=503)
    return JSONResponse({"status": "ok"})
