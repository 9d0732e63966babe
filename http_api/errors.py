"""How failures are answered: people get a page, programs get JSON, nobody gets what was sent or where it failed."""

from __future__ import annotations

import logging

import psycopg
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.applications import Starlette

from engage_db.connection import DatabaseUnreachable
from http_api.landing import NotStored
from http_api.pages import page
from http_api.routes import segments

LOG = logging.getLogger("engage.api")
FOR_PEOPLE = ("/o/", "/c/", "/u/", "/p/")
COME_AGAIN = {"Retry-After": "5"}


def install(app: Starlette) -> None:
    """Registers the handlers."""
    for refusal in segments.REFUSALS:
        app.add_exception_handler(refusal, segments.refused)
    for outage in (psycopg.OperationalError, DatabaseUnreachable, NotStored):
        app.add_exception_handler(outage, unavailable)
    app.add_exception_handler(RequestValidationError, not_understood)


def not_understood(_request: Request, error: Exception) -> JSONResponse:
    """What is wrong and where, without what was sent: that may be no JSON that can be sent back."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    problems = [{"where": ".".join(map(str, each["loc"])), "message": each["msg"]} for each in found]
    return JSONResponse({"detail": "The request is not understood.", "problems": problems}, status_code=422)


def unavailable(request: Request, error: Exception) -> Response:
    """503: the database is slow or down; a provider sends again, a person may."""
    LOG.warning("Answered 503: %s", type(error).__name__)
    if request.url.path.startswith(FOR_PEOPLE):
        return page("unavailable.html", status=503, headers=COME_AGAIN)
    return JSONResponse({"detail": "The database does not answer. Try again."}, status_code=503, headers=COME_AGAIN)
