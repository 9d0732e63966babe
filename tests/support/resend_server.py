"""A local Resend: python -m tests.support.resend_server --port 8999

Behaves like the real API as its reference tells (https://resend.com/docs/api-reference): /emails, /emails/batch in strict and
permissive validation, idempotency keys, rate limits, error names. What it received can be inspected, faults can be injected.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import re
import time
import uuid
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

KEY_SECONDS = 24 * 3600
MOST_MAILS = 100
MOST_RECIPIENTS = 50
LONGEST_KEY = 256
ADDRESS = re.compile(r"^(?:[^<>\r\n]*<)?[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+>?$")
TAG = re.compile(r"^[A-Za-z0-9_-]{1,256}$")
REFUSED_DOMAINS = ("@example.com", "@test.com")


class Problem(Exception):
    """An answer of the error kind."""

    def __init__(self, status: int, name: str, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.status, self.body = status, {"statusCode": status, "name": name, "message": message, **extra}


@dataclass
class Fault:
    """What to do wrong, how often, and to whom.

    kinds: status (code, name, message or html), accept_then_cut, cut_before, pause_answer, slow (seconds), truncate,
    empty_body, wrong_count
    """

    kind: str
    times: int | None = 1
    probability: float = 1.0
    recipient: str | None = None
    status: int = 500
    name: str = "internal_server_error"
    message: str = "Something went wrong"
    html: str | None = None
    retry_after: float | None = None
    seconds: float = 0.0


@dataclass
class KeyMemory:
    """What is known under an idempotency key."""

    sha256: str
    at: float
    answer: bytes | None = None


@dataclass
class State:
    """Everything the provider knows."""

    rate: float = 0.0
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    api_key: str | None = None
    refuse_reserved: bool = True
    mails: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: dict[tuple[str, str], KeyMemory] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    window: tuple[int, int] = (0, 0)
    clock_ahead: float = 0.0
    released: asyncio.Event = field(default_factory=asyncio.Event)
    paused: int = 0

    def now(self) -> float:
        return time.time() + self.clock_ahead

    def fault_for(self, recipients: list[str]) -> Fault | None:
        for fault in self.faults:
            matches = fault.recipient is None or fault.recipient in recipients
            if matches and fault.times != 0 and self.chance.random() < fault.probability:
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None


class Cut(Exception):
    """The connection ends without an answer."""


def check_mail(mail: Any, *, in_batch: bool, refuse_reserved: bool) -> None:
    """Raises Problem as the API would for this mail."""
    if not isinstance(mail, dict):
        raise Problem(422, "validation_error", "Each email must be an object.")
    for name in ("from", "to", "subject"):
        if not mail.get(name):
            raise Problem(422, "missing_required_field", f"Missing `{name}` field.")
    recipients = [mail["to"]] if isinstance(mail["to"], str) else mail["to"]
    if len(recipients) > MOST_RECIPIENTS:
        raise Problem(422, "validation_error", "The `to` field must contain at most 50 recipients.")
    if not ADDRESS.match(str(mail["from"])):
        raise Problem(
            422,
            "invalid_from_address",
            "Invalid `from` field. The email address needs to follow the `email@example.com` or `Name <email@example.com>` format.",
        )
    for address in recipients:
        if not isinstance(address, str) or not ADDRESS.match(address):
            raise Problem(
                422,
                "validation_error",
                "Invalid `to` field. The email address needs to follow the `email@example.com` or `Name <email@example.com>` format.",
            )
        if refuse_reserved and address.lower().rstrip(">").endswith(REFUSED_DOMAINS):
            raise Problem(
                422,
                "validation_error",
                "Invalid `to` field. Please use our testing email address instead of domains like `example.com`.",
            )
    if not (mail.get("html") or mail.get("text")):
        raise Problem(422, "validation_error", "Missing `html` or `text` field.")
    if in_batch and mail.get("attachments"):
        raise Problem(422, "validation_error", "Attachments are not supported in batch.")
    for tag in mail.get("tags") or ():
        if not all(isinstance(tag.get(part), str) and TAG.match(tag[part]) for part in ("name", "value")):
            raise Problem(
                422,
                "validation_error",
                "Tags should only contain ASCII letters, numbers, underscores, or dashes.",
            )


def check_key(state: State, request: Request) -> str:
    """The API key of a request, or a Problem."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not key:
        raise Problem(401, "missing_api_key", "Missing API key in the authorization header.")
    if not key.startswith("re_") or (state.api_key and key != state.api_key):
        raise Problem(401, "invalid_api_key", "API key is invalid")
    if not request.headers.get("user-agent"):
        raise Problem(403, "invalid_access", "Missing User-Agent header.")
    return key


def rate_headers(state: State) -> dict[str, str]:
    """Counts the request into its second; raises Problem when that second is full."""
    if not state.rate:
        return {}
    second = int(state.now())
    began, used = state.window
    used = used + 1 if began == second else 1
    state.window = (second, used)
    headers = {
        "ratelimit-limit": f"{state.rate:g}",
        "ratelimit-remaining": str(max(0, int(state.rate) - used)),
        "ratelimit-reset": "1",
    }
    if used > state.rate:
        raise Problem(
            429,
            "rate_limit_exceeded",
            "Too many requests. You can only make a few requests per second.",
            headers={**headers, "retry-after": "1"},
        )
    return headers


async def send(request: Request) -> Response:
    """POST /emails and POST /emails/batch."""
    state: State = request.app.state.provider
    raw = await request.body()
    key = request.headers.get("idempotency-key")
    seen = {
        "path": request.url.path, "idempotency_key": key, "sha256": hashlib.sha256(raw).hexdigest(),
        "validation": request.headers.get("x-batch-validation", "strict"), "at": state.now(),
    }  # fmt: skip
    state.requests.append(seen)
    try:
        response = await _answer(state, request, raw, key)
    except Problem as problem:
        headers = problem.body.pop("headers", {})
        response = JSONResponse(problem.body, status_code=problem.status, headers=headers)
    except Cut:
        seen["status"] = "cut"
        return CutResponse()
    seen["status"] = response.status_code
    return response


async def _answer(state: State, request: Request, raw: bytes, key: str | None) -> Response:
    api_key = check_key(state, request)
    headers = rate_headers(state)
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Problem(400, "validation_error", "The request body is not valid JSON.") from None
    in_batch = request.url.path.endswith("/batch")
    mails = content if in_batch else [content]
    if in_batch and (not isinstance(mails, list) or not 1 <= len(mails) <= MOST_MAILS):
        raise Problem(422, "validation_error", "The request body must be an array of 1 to 100 emails.")
    fault = state.fault_for(
        [
            to
            for mail in mails
            if isinstance(mail, dict)
            for to in ([mail.get("to")] if isinstance(mail.get("to"), str) else mail.get("to") or [])
        ]
    )
    _refuse_before(fault)
    if key is not None and not 1 <= len(key) <= LONGEST_KEY:
        raise Problem(400, "invalid_idempotency_key", "The idempotency key must be between 1-256 chars.")
    memory = state.keys.get((api_key, key)) if key else None
    sha256 = hashlib.sha256(raw).hexdigest()
    if memory and state.now() - memory.at < KEY_SECONDS:
        if memory.sha256 != sha256:
            raise Problem(
                409,
                "invalid_idempotent_request",
                "Same idempotency key used with a different request payload.",
            )
        if memory.answer is None:
            raise Problem(
                409,
                "concurrent_idempotent_requests",
                "Same idempotency key used while original request is still in progress.",
            )
        return _spoiled(fault, memory.answer, headers)
    if key:
        state.keys[(api_key, key)] = KeyMemory(sha256, state.now())
    try:
        answer = _accept(
            state,
            mails,
            in_batch=in_batch,
            permissive=request.headers.get("x-batch-validation") == "permissive",
            key=key,
        )
    except Problem:
        state.keys.pop((api_key, key or ""), None)
        raise
    if fault and fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
    if fault and fault.kind == "pause_answer":
        state.paused += 1
        await state.released.wait()
    if key:
        state.keys[(api_key, key)].answer = answer
    if fault and fault.kind == "accept_then_cut":
        raise Cut
    return _spoiled(fault, answer, headers)


def _refuse_before(fault: Fault | None) -> None:
    if fault is None:
        return
    if fault.kind == "cut_before":
        raise Cut
    if fault.kind == "status":
        headers = {"retry-after": f"{fault.retry_after:g}"} if fault.retry_after else {}
        raise Problem(fault.status, fault.name, fault.message, headers=headers)


def _accept(state: State, mails: list[Any], *, in_batch: bool, permissive: bool, key: str | None) -> bytes:
    accepted, errors = [], []
    for index, mail in enumerate(mails):
        try:
            check_mail(mail, in_batch=in_batch, refuse_reserved=state.refuse_reserved)
            accepted.append({**mail, "id": str(uuid.uuid4()), "idempotency_key": key, "at": state.now()})
        except Problem as problem:
            if not permissive:
                raise
            errors.append({"index": index, "message": problem.body["message"]})
    state.mails.extend(accepted)
    ids = [{"id": mail["id"]} for mail in accepted]
    if not in_batch:
        return orjson.dumps(ids[0])
    return orjson.dumps({"data": ids, "errors": errors} if permissive else {"data": ids})


def _spoiled(fault: Fault | None, answer: bytes, headers: dict[str, str]) -> Response:
    kind = fault.kind if fault else ""
    if kind == "truncate":
        answer = answer[: len(answer) // 2]
    elif kind == "empty_body":
        answer = b""
    elif kind == "html_page":
        return Response("<html><body>Bad gateway</body></html>", status_code=502, media_type="text/html")
    elif kind == "wrong_count":
        content = orjson.loads(answer)
        content["data"] = content["data"][:-1]
        answer = orjson.dumps(content)
    return Response(answer, media_type="application/json", headers=headers)


async def retrieve(request: Request) -> Response:
    """GET /emails/{id}."""
    state: State = request.app.state.provider
    try:
        check_key(state, request)
    except Problem as problem:
        return JSONResponse(problem.body, status_code=problem.status)
    for mail in state.mails:
        if mail["id"] == request.path_params["id"]:
            return JSONResponse({"object": "email", **mail, "last_event": "delivered"})
    return JSONResponse({"statusCode": 404, "name": "not_found", "message": "Email not found"}, status_code=404)


async def inspect(request: Request) -> Response:
    """GET: mails and requests held. DELETE: forget all."""
    state: State = request.app.state.provider
    if request.method == "DELETE":
        request.app.state.provider = State(
            rate=state.rate, api_key=state.api_key, refuse_reserved=state.refuse_reserved
        )
        return JSONResponse({})
    recipients = Counter(
        to for mail in state.mails for to in ([mail["to"]] if isinstance(mail["to"], str) else mail["to"])
    )
    facts = {
        "mails": state.mails,
        "requests": state.requests,
        "recipients": recipients,
        "paused": state.paused,
        "faults": [asdict(fault) for fault in state.faults],
    }
    return Response(orjson.dumps(facts), media_type="application/json")


async def faults(request: Request) -> Response:
    """POST: what to do wrong from now on; or {"release": true} lets paused answers go, {"advance": seconds} moves the clock."""
    state: State = request.app.state.provider
    wanted = orjson.loads(await request.body())
    if "release" in wanted:
        state.released.set()
    elif "advance" in wanted:
        state.clock_ahead += wanted["advance"]
    elif "clear" in wanted:
        state.faults.clear()
    else:
        state.released.clear()
        state.faults.append(Fault(**wanted))
    return JSONResponse({})


class CutResponse(Response):
    """Announces more than it sends, so that the connection ends in the middle of the answer."""

    async def __call__(self, scope: Any, receive: Any, send_: Any) -> None:
        await send_({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000000")]})
        await send_({"type": "http.response.body", "body": b"", "more_body": False})


def application(
    *, rate: float = 0.0, seed: int = 7, api_key: str | None = None, refuse_reserved: bool = True
) -> Starlette:
    """The ASGI application of one provider. `rate` 0 means no limit."""
    routes = [
        Route("/emails", send, methods=["POST"]),
        Route("/emails/batch", send, methods=["POST"]),
        Route("/emails/{id}", retrieve, methods=["GET"]),
        Route("/_inspect", inspect, methods=["GET", "DELETE"]),
        Route("/_faults", faults, methods=["POST"]),
    ]
    app = Starlette(routes=routes)
    app.state.provider = State(rate=rate, chance=random.Random(seed), api_key=api_key, refuse_reserved=refuse_reserved)
    return app


def main() -> None:
    """Serves until it is stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8999)
    parser.add_argument("--rate", type=float, default=10.0, help="requests per second; 0 for no limit")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--api-key", help="the only key that is right; any re_… by default")
    parser.add_argument("--allow-reserved", action="store_true", help="take @example.com, which the real one refuses")
    options = parser.parse_args()
    app = application(
        rate=options.rate,
        seed=options.seed,
        api_key=options.api_key,
        refuse_reserved=not options.allow_reserved,
    )
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="critical")


if __name__ == "__main__":
    main()
