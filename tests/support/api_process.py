"""`engage api` in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from engage_db.settings import PROJECT_ROOT
from tests.support import svix


@dataclass
class Api:
    """A running web process."""

    process: subprocess.Popen[bytes]
    url: str


@contextmanager
def api(
    engage_url: str, home: Path, *, command: tuple[str, ...] = ("-m", "console.main", "api"), **environment: str
) -> Iterator[Api]:
    """The process, once it answers; killed at the end if it still runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    wanted: Mapping[str, str] = {
        **os.environ, "ENGAGE_DATABASE_URL": engage_url, "ENGAGE_HOME": str(home), "SECRET_KEY": "test secret",
        "RESEND_WEBHOOK_SECRET": svix.SECRET, **environment,
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, *command, "--port", str(port)], cwd=PROJECT_ROOT, env=dict(wanted))
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(process, url)
        yield Api(process, url)
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None, "the api ended by itself"
        with suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=5):
            return
        time.sleep(0.1)
    raise AssertionError("the api did not answer within 90 s")
