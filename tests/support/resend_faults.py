"""What the local Resend does wrong on demand: kinds of faults, whom they hit, the answers they make."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import orjson
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from tests.support.resend_rules import TOO_MANY, error_response, recipients

INSTEAD = frozenset({"status", "rate_limited", "quota", "cut_before"})
"""Kinds that answer instead of processing, unless the fault says processed: true."""

IN_FLIGHT = frozenset({"slow", "pause_answer"})
"""Kinds that delay the processing itself: the idempotency key counts as in progress meanwhile."""

AFTERWARDS = frozenset(
    {
        "accept_then_cut",
        "accept_then_hang",
        "slow_drip",
        "truncate",
        "cut_mid_answer",
        "empty_body",
        "html_page",
        "wrong_count",
    }
)
"""Kinds that process, remember the answer under its key, and then spoil how it gets back."""

KINDS = INSTEAD | IN_FLIGHT | AFTERWARDS
BAD_GATEWAY = "<html><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass
class Match:
    """Which requests a fault hits: shell patterns on path, idempotency key and any recipient."""

    path: str = "*"
    recipient: str = "*"
    key: str = "*"

    def __call__(self, path: str, key: str | None, mails: Iterable[Any]) -> bool:
        return (
            fnmatchcase(path, self.path)
            and fnmatchcase(key or "", self.key)
            and (self.recipient == "*" or self._reaches(mails))
        )

    def _reaches(self, mails: Iterable[Any]) -> bool:
        return any(fnmatchcase(address, self.recipient) for mail in mails for address in recipients(mail))


@dataclass
class Fault:
    """One thing to do wrong: once by default, for ever if `times` is None or a probability is given."""

    kind: str
    times: int | None = 1
    probability: float = 1.0
    match: Match = field(default_factory=Match)
    processed: bool = True
    status: int | None = None
    name: str | None = None
    message: str | None = None
    html: str | None = None
    retry_after: float | None = None
    seconds: float = 30.0

    @classmethod
    def of(cls, wanted: dict[str, Any]) -> Fault:
        """From JSON. Raises ValueError or TypeError, in words, for what is not a fault."""
        kind = wanted.get("kind")
        if kind not in KINDS:
            raise ValueError(f"a fault has one of the kinds {', '.join(sorted(KINDS))}; not {kind!r}")
        defaults = {"processed": kind not in INSTEAD, "times": None if "probability" in wanted else 1}
        return cls(**{**defaults, **wanted, "match": Match(**wanted.get("match", {}))})

    @property
    def in_flight(self) -> bool:
        return self.kind in IN_FLIGHT

    @property
    def hold_seconds(self) -> float | None:
        """How long an answer is held back; None: until it is released."""
        return None if self.kind == "pause_answer" else self.seconds

    def response(self, answer: bytes) -> Response:
        """What goes back instead of `answer`."""
        match self.kind:
            case "cut_before" | "accept_then_cut":
                return NoAnswer()
            case "cut_mid_answer":
                return CutMidAnswer(answer, media_type="application/json")
            case "slow_drip":
                return slow_drip(answer, self.seconds)
            case "status" | "rate_limited" | "quota" | "html_page":
                return self._error()
            case "truncate":
                answer = answer[: len(answer) // 2]
            case "empty_body":
                answer = b""
            case "wrong_count":
                answer = _one_id_less(answer)
        return Response(answer, media_type="application/json")

    def _error(self) -> Response:
        status, name, message, retry_after = ERRORS[self.kind]
        html = BAD_GATEWAY if self.kind == "html_page" else None
        if self.html or html:
            return HTMLResponse(self.html or html, status_code=self.status or status)
        return error_response(
            self.status or status,
            self.name or name,
            self.message or message,
            retry_after=self.retry_after or retry_after,
        )


ERRORS: dict[str, tuple[int, str, str, float | None]] = {
    "status": (500, "application_error", "An unexpected error occurred.", None),
    "html_page": (502, "", "", None),
    "rate_limited": (
        429,
        "rate_limit_exceeded",
        TOO_MANY,
        1,
    ),
    "quota": (429, "daily_quota_exceeded", "You have exceeded your daily email sending quota.", None),
}
"""Status, name, message, retry-after if the fault names none: https://resend.com/docs/api-reference/errors"""


class Faults:
    """The faults in force. Chance is seeded: the same faults and requests in order meet the same luck."""

    def __init__(self, seed: int) -> None:
        self.in_force: list[Fault] = []
        self._chance = random.Random(seed)

    def draw(self, path: str, key: str | None, mails: list[Any]) -> Fault | None:
        """The first fault that hits this request, counted down."""
        for fault in self.in_force:
            if fault.times == 0 or not fault.match(path, key, mails):
                continue
            if fault.probability < 1 and self._chance.random() >= fault.probability:
                continue
            if fault.times is not None:
                fault.times -= 1
            return fault
        return None


class Severable:
    """Outermost ASGI layer: gives responses the transport of their connection, known to uvicorn's `send`."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["transport"] = send.__self__.transport  # type: ignore[attr-defined]
        await self.app(scope, receive, send)


class NoAnswer(Response):
    """The connection ends without one byte of answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["transport"].abort()
        await _disconnected(receive)


class CutMidAnswer(Response):
    """Announces the whole answer, sends half of it and ends the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = self.body[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        scope["transport"].close()
        await _disconnected(receive)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def slow_drip(answer: bytes, seconds: float, *, pieces: int = 10) -> Response:
    """The whole answer in pieces, spread over the seconds."""

    async def dripping() -> AsyncIterator[bytes]:
        size = -(-len(answer) // pieces)
        for start in range(0, len(answer), size):
            await asyncio.sleep(seconds / pieces)
            yield answer[start : start + size]

    headers = {"content-length": str(len(answer))}
    return StreamingResponse(dripping(), media_type="application/json", headers=headers)


def _one_id_less(answer: bytes) -> bytes:
    content = orjson.loads(answer)
    return orjson.dumps({**content, "data": content["data"][:-1]} if "data" in content else {})
