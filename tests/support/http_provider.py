"""A provider over HTTP in a thread: counts what reaches it, answers as its behaviour says, and misbehaves when told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request as Forwarded
from urllib.request import urlopen


@dataclass(frozen=True)
class Request:
    """What came over the wire."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """An answer instead of the right one; or the right one cut before, in its middle, or held back for ever."""

    answer: Answer | None = None
    cut: str = ""


Behaviour = Callable[[Request], Answer]


class HttpProvider:
    """One server: where it is, what it saw, and its next fault."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.requests: list[Request] = []
        self.fault: Fault | None = None
        self.let_go = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        self.let_go.set()
        self._server.shutdown()
        self._server.server_close()


def _handler(provider: HttpProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            request = Request(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            provider.requests.append(request)
            fault, provider.fault = provider.fault or Fault(), None
            if fault.cut == "before":
                return self._cut()
            answer = fault.answer or provider.behaviour(request)
            if fault.cut == "after":
                return self._cut()
            if fault.cut == "hang":
                provider.let_go.wait(10)
                return self._cut()
            return self._reply(answer, is_cut=fault.cut == "middle")

        def _reply(self, answer: Answer, *, is_cut: bool) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(max(len(answer.body), 40 if is_cut else 0)))
            self.end_headers()
            self.wfile.write(answer.body[: len(answer.body) // 2] if is_cut else answer.body)
            if is_cut:
                self._cut()

        def _cut(self) -> None:
            self.close_connection = True
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, format: str, *_: object) -> None:
            """Says nothing."""

    return Handler


def forwarded_to(url: str) -> Behaviour:
    """The behaviour of another server."""

    def behave(request: Request) -> Answer:
        headers = {name: value for name, value in request.headers.items() if name not in {"host", "connection"}}
        try:
            with urlopen(Forwarded(url + request.path, request.body, headers)) as answer:
                return Answer(answer.status, answer.read(), _kept(answer.headers))
        except OSError as error:  # an HTTPError is one, and is an answer
            return Answer(error.code, error.read(), _kept(error.headers))  # type: ignore[attr-defined]

    return behave


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    dropped = {"content-length", "transfer-encoding", "connection", "date", "server"}
    return {name: value for name, value in headers.items() if name.lower() not in dropped}


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[HttpProvider]:
    """The provider while the block lasts."""
    provider = HttpProvider(behaviour)
    provider.start()
    try:
        yield provider
    finally:
        provider.stop()
