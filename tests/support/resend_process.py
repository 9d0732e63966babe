"""The local Resend as a process of its own, for tests that kill its clients."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class LocalResend:
    """Where it listens, what it holds, and its switches."""

    url: str

    def mails(self) -> list[dict[str, Any]]:
        return self._inspect()["mails"]

    def requests(self) -> list[dict[str, Any]]:
        return self._inspect()["requests"]

    def recipients(self) -> dict[str, int]:
        return self._inspect()["recipients"]

    def paused(self) -> int:
        return int(self._inspect()["paused"])

    def fault(self, kind: str, **how: Any) -> None:
        httpx.post(f"{self.url}/_faults", json={"kind": kind, **how}).raise_for_status()

    def release(self) -> None:
        httpx.post(f"{self.url}/_faults", json={"release": True}).raise_for_status()

    def clear_faults(self) -> None:
        httpx.post(f"{self.url}/_faults", json={"clear": True}).raise_for_status()

    def advance(self, seconds: float) -> None:
        httpx.post(f"{self.url}/_faults", json={"advance": seconds}).raise_for_status()

    def _inspect(self) -> dict[str, Any]:
        return httpx.get(f"{self.url}/_inspect").json()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_resend(*arguments: str) -> Iterator[LocalResend]:
    """A server on a free port, stopped at the end."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.support.resend_server", "--port", str(port), *arguments])
    try:
        local = LocalResend(f"http://127.0.0.1:{port}")
        deadline = time.monotonic() + 20
        while True:
            try:
                local.mails()
                break
            except httpx.TransportError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield local
    finally:
        process.terminate()
        process.wait(10)
