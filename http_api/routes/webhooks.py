"""/webhooks/{provider}: what providers tell us, verified, stored, acknowledged; nothing else is done in the request."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import orjson
from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from activation.channels.contract import Outcome, WebhookInvalid, WebhookReader, WebhookRefused
from http_api.errors import COME_AGAIN
from http_api.landing import Arrival, NotStorable
from http_api.requests import body_of
from http_api.services import Services, services_of

LARGEST = 1024 * 1024
LONGEST_ID = 255
BIGGEST_NUMBER = 2**63 - 1


async def receive(request: Request) -> Response:
    services = services_of(request)
    provider = request.path_params["provider"]
    reader = services.readers.get(provider)
    if reader is None:
        raise HTTPException(404, "There is no such provider.")
    body = await body_of(request, most=LARGEST)
    try:
        outcomes = await _read(services, reader, dict(request.headers), body)
        await services.landing.store([_arrival(services, provider, outcome) for outcome in outcomes])
    except WebhookRefused as refusal:
        raise HTTPException(401, str(refusal)) from None
    except OSError:  # the certificate that signatures are checked with cannot be had just now
        raise HTTPException(503, "The signature cannot be checked just now. Try again.", COME_AGAIN) from None
    except (WebhookInvalid, NotStorable) as refusal:
        raise HTTPException(400, str(refusal) or "It cannot be stored.") from None
    return Response(b'{"stored":%d}' % len(outcomes), media_type="application/json")


ROUTES = [Route("/webhooks/{provider}", receive, methods=["POST"])]


async def _read(services: Services, reader: WebhookReader, headers: dict[str, str], body: bytes) -> list[Outcome]:
    """In a thread where the reader may wait for the network; at once where it only computes: a thread would cost more."""
    if not reader.asks_network:
        return reader.read_webhook(headers, body, now=services.clock())
    async with services.network_readers:
        return await run_in_threadpool(reader.read_webhook, headers, body, now=services.clock())


def _arrival(services: Services, provider: str, outcome: Outcome) -> Arrival:
    known = {
        "bounce": outcome.bounce, "words": outcome.words, "link": outcome.link, "agent": outcome.agent, "ip": outcome.ip,
        "epoch": outcome.epoch,
    }  # fmt: skip
    message_id = outcome.message_id
    return Arrival(
        provider=provider,
        event_id=_short(outcome.event_id),
        type=_clean(outcome.type)[:LONGEST_ID],
        message_id=message_id if message_id is not None and 0 < message_id <= BIGGEST_NUMBER else None,
        provider_message_id=_short(outcome.provider_message_id) if outcome.provider_message_id else None,
        occurred_at=outcome.occurred_at,
        received_at=services.clock(),
        detail=_as_json({name: value for name, value in known.items() if value is not None}),
        payload=_as_json(outcome.payload),
    )


def _as_json(value: Any) -> bytes:
    """JSON that Postgres takes: NUL cannot be stored in text, half a surrogate pair is no text."""
    try:
        written = orjson.dumps(value)
    except (orjson.JSONEncodeError, UnicodeEncodeError):  # numbers above 64 bits, broken surrogates
        written = json.dumps(value, default=str).encode()
    if b"\\u0000" in written or b"\\ud" in written:
        written = json.dumps(_cleaned(json.loads(written)), ensure_ascii=False).encode()
    return written


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, dict):
        return {_clean(name): _cleaned(each) for name, each in value.items()}
    return [_cleaned(each) for each in value] if isinstance(value, list) else value


def _clean(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _short(text: str) -> str:
    """An id that fits an index: long ones by their hash, which is as much theirs."""
    cleaned = _clean(text)
    return cleaned if len(cleaned) <= LONGEST_ID else sha256(cleaned.encode()).hexdigest()
