"""The local Resend as a process of its own, for tests that kill its clients."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import PIPE
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]


class LocalResend:
    """Where it listens, what it holds, and its switches."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=30)

    def mails(self) -> list[dict[str, Any]]:
        """Every mail that the provider took, in order."""
        mails: list[dict[str, Any]] = self._fact("mails")
        return mails

    def requests(self) -> list[dict[str, Any]]:
        """Every request: path, idempotency_key, validation, sha256 of the raw body, status, fault, at."""
        requests: list[dict[str, Any]] = self._fact("requests")
        return requests

    def recipients(self) -> dict[str, int]:
        """How many mails each address was sent."""
        recipients: dict[str, int] = self._fact("recipients")
        return recipients

    def counts(self) -> dict[str, int]:
        """Mails, requests and paused, without their contents."""
        counts: dict[str, int] = self._fact("counts")
        return counts

    def paused(self) -> int:
        """How many answers are held back right now."""
        return self.counts()["paused"]

    def fault(self, kind: str, **how: Any) -> None:
        """One thing to do wrong: times=, probability=, match={path, recipient, key}, fields of Fault."""
        self._post("/_faults", {"kind": kind, **how})

    def clear_faults(self) -> None:
        self._http.delete("/_faults").raise_for_status()

    def release(self) -> None:
        """Lets go the answers that are held back."""
        self._post("/_faults/release", {})

    def advance(self, seconds: float) -> None:
        """Moves the provider's clock, and with it the age of idempotency keys."""
        self._post("/_inspect/clock", {"advance": seconds})

    def tell(self, last_events: dict[str, str]) -> None:
        """What it answers from now on when it is asked for these mails."""
        self._post("/_inspect/last_event", last_events)

    def reset(self) -> None:
        """Forgets mails, requests, keys, faults and the clock."""
        self._http.delete("/_inspect").raise_for_status()

    def close(self) -> None:
        self._http.close()

    def _fact(self, name: str) -> Any:
        return self._http.get(f"/_inspect/{name}").raise_for_status().json()

    def _post(self, path: str, content: dict[str, Any]) -> None:
        answer = self._http.post(path, json=content)
        if answer.is_error:
            raise ValueError(answer.text)


@contextmanager
def running_resend(*arguments: str, **options: Any) -> Iterator[LocalResend]:
    """A server on a free port, stopped at the end: running_resend(rate=2, no_store_bodies=True)."""
    flags = [*arguments, *as_flags(options)]
    server = [sys.executable, "-m", "tests.support.resend_server"]
    command = [*server, "--port=0", "--until-stdin-closes", *flags]
    with subprocess.Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True) as process:
        try:
            url = process.stdout.readline().strip() if process.stdout else ""
            if not url:
                raise RuntimeError(f"the local Resend did not start with {flags}")
            with closing(LocalResend(url)) as local:
                yield local
        finally:
            process.kill()


def as_flags(options: dict[str, Any]) -> list[str]:
    """rate=2 as --rate 2, True as the bare flag, a list as the flag repeated."""
    flags: list[str] = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            flags.append(flag)
        elif isinstance(value, list | tuple):
            flags += [part for each in value for part in (flag, str(each))]
        elif value is not False:
            flags += [flag, str(value)]
    return flags
