"""A web process that answers every request and does nothing: what the server and the machine allow at most."""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engage_db.memory import keep_what_is_loaded


async def answer(request: Request) -> Response:
    await request.body()
    return Response(b'{"stored":0}', media_type="application/json")


if __name__ == "__main__":
    keep_what_is_loaded()
    application = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])
    uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[-1]), log_level="warning", access_log=False)
