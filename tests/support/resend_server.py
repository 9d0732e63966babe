"""A local Resend: python -m tests.support.resend_server --port 8999 --rate 10 --seed 7 --faults FILE.json

Answers as the API's reference tells (https://resend.com/docs/api-reference), for POST /emails,
POST /emails/batch and GET /emails/{id}. Tests look at what it holds and make it misbehave:

GET    /_inspect              mails, requests, recipients, counts, faults, now; one of them: /_inspect/mails
DELETE /_inspect              forget everything, faults too
POST   /_inspect/clock        {"advance": seconds}
POST   /_inspect/last_event   {"mail id": "bounced"}: what GET /emails/{id} says of it from now on
POST   /_faults               one fault or a list of them (see resend_faults); DELETE forgets them
POST   /_faults/release       let go the answers that are held
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from tests.support.resend_faults import Fault, NoAnswer, Severable
from tests.support.resend_provider import FACTS, Call, Provider, Settings
from tests.support.resend_rules import TOO_MANY, Refused, check_key, error_response, mails_in

Endpoint = Callable[[Provider, Call, str, bytes], Awaitable[Response]]


def application(settings: Settings, *, ids: random.Random, faults: list[Fault]) -> ASGIApp:
    """The ASGI application of one provider."""
    app = Starlette(
        routes=[
            Route("/emails", guarded(send), methods=["POST"]),
            Route("/emails/batch", guarded(send), methods=["POST"]),
            Route("/emails/{id}", guarded(retrieve), methods=["GET"]),
            Route("/_inspect", inspect, methods=["GET"]),
            Route("/_inspect", forget, methods=["DELETE"]),
            Route("/_inspect/clock", advance, methods=["POST"]),
            Route("/_inspect/last_event", tell, methods=["POST"]),
            Route("/_inspect/{fact}", inspect, methods=["GET"]),
            Route("/_faults", add_faults, methods=["POST"]),
            Route("/_faults", clear_faults, methods=["DELETE"]),
            Route("/_faults/release", release, methods=["POST"]),
        ],
        exception_handlers={404: not_found, 405: method_not_allowed},
    )
    app.state.provider = provider = Provider(settings, ids)
    provider.faults.in_force.extend(faults)
    return Severable(app)


def guarded(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint behind what every request meets: the log, the edge, the API key, the rate limit."""

    async def handle(request: Request) -> Response:
        provider: Provider = request.app.state.provider
        raw = await request.body()
        call = provider.receive(request.method, request.url.path, request.headers, raw)
        try:
            response = await admitted(endpoint, provider, call, request.headers.get("authorization", ""), raw)
        except Refused as refused:
            response = refused.response()
        if call.counted:
            response.headers.update(provider.rate.headers())
        call.status = None if isinstance(response, NoAnswer) else response.status_code
        return response

    return handle


async def admitted(endpoint: Endpoint, provider: Provider, call: Call, auth: str, raw: bytes) -> Response:
    """The endpoint's answer, if the request gets that far. Raises Refused.

    Without User-Agent the edge answers (https://resend.com/docs/knowledge-base/403-error-1010), not the API.
    """
    if not call.user_agent:
        return PlainTextResponse("error code: 1010", status_code=403)
    api_key = provider.authorise(auth)
    call.counted = True
    if not provider.rate.take(provider.now()):
        raise Refused(429, "rate_limit_exceeded", TOO_MANY, retry_after=1)
    return await endpoint(provider, call, api_key, raw)


async def send(provider: Provider, call: Call, api_key: str, raw: bytes) -> Response:
    """POST /emails and POST /emails/batch, with the fault that hits this request."""
    check_key(call.idempotency_key)
    mails = mails_in(raw, in_batch=call.path.endswith("/batch"))
    fault = provider.faults.draw(call.path, call.idempotency_key, mails)
    call.fault = fault.kind if fault else None
    if fault and not fault.processed:
        return fault.response(b"{}")
    answer = await provider.process(call, api_key, mails, fault)
    if fault and fault.kind == "accept_then_hang":
        await provider.hold(fault.hold_seconds)
    response = fault.response(answer) if fault else Response(answer, media_type="application/json")
    response.headers["x-resend-monthly-quota"] = str(provider.sent)
    return response


async def retrieve(provider: Provider, call: Call, _api_key: str, _raw: bytes) -> Response:
    """GET /emails/{id}."""
    return as_json(provider.found(call.path.removeprefix("/emails/")))


async def inspect(request: Request) -> Response:
    provider: Provider = request.app.state.provider
    name = request.path_params.get("fact")
    if name is None:
        return as_json({fact: provider.fact(fact) for fact in FACTS})
    if name not in FACTS:
        return complaint(f"there is {', '.join(FACTS)}; not {name}")
    return as_json(provider.fact(name))


async def forget(request: Request) -> Response:
    request.app.state.provider = request.app.state.provider.renewed()
    return as_json({})


async def advance(request: Request) -> Response:
    provider: Provider = request.app.state.provider
    provider.ahead += orjson.loads(await request.body())["advance"]
    return as_json({"now": provider.now()})


async def tell(request: Request) -> Response:
    provider: Provider = request.app.state.provider
    for mail_id, last_event in orjson.loads(await request.body()).items():
        provider.mails[mail_id]["last_event"] = last_event
    return as_json({})


async def add_faults(request: Request) -> Response:
    provider: Provider = request.app.state.provider
    try:
        provider.faults.in_force.extend(faults_in(await request.body()))
    except (TypeError, ValueError) as error:
        return complaint(str(error))
    return as_json(provider.fact("faults"))


async def clear_faults(request: Request) -> Response:
    request.app.state.provider.faults.in_force.clear()
    return as_json({})


async def release(request: Request) -> Response:
    request.app.state.provider.release()
    return as_json({})


async def not_found(_request: Request, _error: Exception) -> Response:
    return error_response(404, "not_found", "The requested endpoint does not exist.")


async def method_not_allowed(_request: Request, _error: Exception) -> Response:
    return error_response(405, "method_not_allowed", "Method is not allowed for the requested path.")


def faults_in(raw: bytes) -> list[Fault]:
    """Faults from JSON, one object or an array. Raises ValueError or TypeError for what is none."""
    wanted = orjson.loads(raw)
    return [Fault.of(each) for each in (wanted if isinstance(wanted, list) else [wanted])]


def as_json(content: Any) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")


def complaint(words: str) -> Response:
    """What a test did wrong."""
    return PlainTextResponse(words, status_code=400)


def main() -> None:
    """Serves until it is stopped; says where in one line once connections are taken."""
    options = parser().parse_args()
    faults = faults_in(options.faults.read_bytes()) if options.faults else []
    listener = socket.create_server(("127.0.0.1", options.port), backlog=2048)
    port = listener.getsockname()[1]
    settings = Settings(
        rate=options.rate,
        seed=options.seed,
        api_keys=frozenset(options.api_key),
        wrong_key_status=options.wrong_key_status,
        allow_reserved=options.allow_reserved,
        exact_bytes=options.exact_bytes,
        store_bodies=not options.no_store_bodies,
    )
    # the port is in the seed of the ids: two providers of one test never give the same id
    app = application(settings, ids=random.Random(f"{options.seed} {port}"), faults=faults)
    if options.until_stdin_closes:
        threading.Thread(target=leave_with_stdin, daemon=True).start()
    print(f"http://127.0.0.1:{port}", flush=True)
    config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


def parser() -> argparse.ArgumentParser:
    as_written = argparse.RawDescriptionHelpFormatter
    options = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    options.add_argument("--port", type=int, default=8999, help="0 for any free one")
    options.add_argument("--rate", type=int, default=10, help="requests per second and team; 0 for no limit")
    options.add_argument("--seed", type=int, default=7, help="of the chance in faults, and of the ids")
    options.add_argument("--faults", type=Path, help="a JSON file of faults in force from the start")
    options.add_argument("--api-key", action="append", default=[], help="a right one; any re_… by default")
    options.add_argument("--wrong-key-status", type=int, choices=[401, 403], default=403)
    options.add_argument("--allow-reserved", action="store_true", help="take @example.com too")
    options.add_argument("--exact-bytes", action="store_true", help="bind keys to bytes, not payload")
    options.add_argument("--no-store-bodies", action="store_true", help="keep recipient and hash only")
    options.add_argument("--until-stdin-closes", action="store_true", help="end with who started it")
    return options


def leave_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
