"""A whole installation in a folder of its own: embedded Postgres, settings, and the `engage` command as a user runs it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

ENGAGE = Path(sys.executable).with_name("engage")
ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass
class Installation:
    """Runs commands; each with these environment variables."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def variables(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PG", "DAGSTER", "ENGAGE", "CRM_"))
        }
        return {**kept, "ENGAGE_HOME": str(self.home), "NO_COLOR": "1", "COLUMNS": "200", **self.environment}

    def engage(self, *arguments: str, code: int = 0, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """Runs `engage …` and asserts its exit code."""
        done = subprocess.run(
            [ENGAGE, *arguments], cwd=ROOT, env=self.variables(), capture_output=True, text=True, timeout=timeout
        )
        assert done.returncode == code, (
            f"engage {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        )
        return done

    def json(self, *arguments: str, **how: Any) -> Any:
        """The JSON object that a command prints with --json."""
        return json.loads(self.engage(*arguments, "--json", **how).stdout)

    def query(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows of the Engage DB."""
        with psycopg.connect(
            self.engage("db", "url").stdout.strip() if "url" not in self.__dict__ else self.__dict__["url"]
        ) as db:
            return db.execute(statement, parameters or None).fetchall()  # type: ignore[arg-type]

    def start(self, *command: str) -> subprocess.Popen[str]:
        """A program that stays."""
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.variables(),
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


@contextmanager
def installed(home: Path, **environment: str) -> Iterator[Installation]:
    """An installation with a migrated Engage DB; its Postgres is stopped at the end."""
    installation = Installation(home, environment)
    installation.engage("db", "upgrade")
    installation.__dict__["url"] = installation.engage("db", "url").stdout.strip()
    try:
        yield installation
    finally:
        installation.engage("down")


def wait_for(condition: Callable[[], Any], *, seconds: float, what: str) -> Any:
    """The first true value of a condition. Fails when it does not come in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:.0f} s"
        time.sleep(0.5)
    return value


def free_port() -> int:
    """A TCP port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
