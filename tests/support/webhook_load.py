"""Posts signed webhooks over many connections as fast as they are answered: python -m tests.support.webhook_load URL --seconds 8

Prints one line of JSON: seconds, and how often each status came.
Speaks HTTP by hand, because any client library is slower than the server that is to be measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast
from urllib.parse import urlsplit

import uvloop

from tests.support import svix

AGAIN_SECONDS = 0.1
MOST_A_SECOND = 12_000  # made and signed before the clock runs: the sender's work is not measured


@dataclass
class Storm:
    """What is to be posted, and what became of it."""

    host: str
    port: int
    waiting: deque[str]
    message_id: int
    retries: bool = False
    statuses: Counter[int] = field(default_factory=Counter)
    acknowledged: list[str] = field(default_factory=list)
    ready: dict[str, bytes] = field(default_factory=dict)

    def prepare(self) -> None:
        """Makes all requests ahead; they are fresh for five minutes."""
        self.ready = {event_id: self._request(event_id) for event_id in self.waiting}

    async def blow(self, lanes: int) -> float:
        """Posts everything over that many connections; returns the seconds."""
        started = time.perf_counter()
        await asyncio.gather(*(self._lane() for _ in range(lanes)))
        return time.perf_counter() - started

    async def _lane(self) -> None:
        loop = asyncio.get_running_loop()
        while self.waiting:
            try:
                _, lane = await loop.create_connection(lambda: _Lane(self), self.host, self.port)
                await lane.ended
            except OSError:
                self.statuses[0] += 1
                await asyncio.sleep(AGAIN_SECONDS)

    def next_request(self) -> tuple[str, bytes] | None:
        """An event and the request that posts it; None when nothing is left."""
        if not self.waiting:
            return None
        event_id = self.waiting.popleft()
        return event_id, self.ready.get(event_id) or self._request(event_id)

    def answered(self, event_id: str, status: int) -> bool:
        """Notes an answer (0: the connection ended without one). Whether to wait before the next request."""
        self.statuses[status] += 1
        if status == 200:
            self.acknowledged.append(event_id)
            return False
        return self._again(event_id)

    def _again(self, event_id: str) -> bool:
        if self.retries:
            self.waiting.append(event_id)
        return self.retries

    def _request(self, event_id: str) -> bytes:
        at = datetime.now(UTC)
        body = svix.event(
            "email.delivered", self.message_id, at=at, email_id=event_id, subject="News", to=["a@mail.test.dev"]
        )
        headers = svix.signed(body, event_id=event_id, at=at)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return (
            f"POST /webhooks/resend HTTP/1.1\r\nhost: {self.host}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n{head}\r\n"
        ).encode() + body


class _Lane(asyncio.Protocol):
    """One connection, which posts one event after the other."""

    def __init__(self, storm: Storm) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._storm, self._posted, self._received = storm, "", b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._post()

    def _post(self) -> None:
        following = self._storm.next_request()
        if following is None:
            self._transport.close()
        else:
            self._posted, request = following
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, ended, body = self._received.partition(b"\r\n\r\n")
        if not ended or len(body) < int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]):
            return
        self._received = b""
        event_id, self._posted = self._posted, ""
        if self._storm.answered(event_id, int(head[9:12])):
            asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._post)
        else:
            self._post()

    def connection_lost(self, error: Exception | None) -> None:
        if self._posted:
            self._storm.answered(self._posted, 0)
        self.ended.set_result(None)


def storm(url: str, ids: list[str], *, message_id: int = 1, retries: bool = False) -> Storm:
    """A storm of those events at that server."""
    parts = urlsplit(url)
    return Storm(str(parts.hostname), parts.port or 80, deque(ids), message_id, retries)


async def blow_for(wanted: Storm, seconds: float, lanes: int) -> float:
    """Posts for that long, waits for the last answers, and returns how long it took."""
    asyncio.get_running_loop().call_later(seconds, wanted.waiting.clear)
    return await wanted.blow(lanes)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("url")
    options.add_argument("--seconds", type=float, default=8.0)
    options.add_argument("--lanes", type=int, default=200)
    options.add_argument("--name", default="load")
    given = options.parse_args()
    wanted = storm(given.url, [f"{given.name}/{number}" for number in range(int(given.seconds * MOST_A_SECOND))])
    wanted.prepare()
    seconds = uvloop.run(blow_for(wanted, given.seconds, given.lanes))
    print(json.dumps({"seconds": seconds, "statuses": wanted.statuses}))


if __name__ == "__main__":
    main()
