"""engage up and engage down: everything that serves, with one log and one way to stop it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import typer

from activation.errors import Refused
from console.environment import check_migrated, prepare_dagster
from console.output import console
from engage_db.connection import database_url
from engage_db.embedded import Cluster
from engage_db.settings import PROJECT_ROOT, load_settings

GRACE_SECONDS = 15
COLOURS = ("cyan", "magenta", "blue", "green", "yellow")


@dataclass(frozen=True)
class Service:
    """A program that serves, and where a person finds it."""

    name: str
    command: list[str]
    address: str | None = None


def services() -> list[Service]:
    """What `engage up` starts."""
    settings = load_settings()
    python, binaries = sys.executable, Path(sys.executable).parent
    workspace = str(PROJECT_ROOT / "workspace.yaml")
    ports = {"dagster": settings.dagster_port, "screens": settings.streamlit_port, "api": settings.api_port}
    return [
        Service(
            "dagster",
            [str(binaries / "dagster-webserver"), "-w", workspace, "-h", "127.0.0.1", "-p", str(ports["dagster"])],
            f"http://127.0.0.1:{ports['dagster']}",
        ),
        Service("daemon", [str(binaries / "dagster-daemon"), "run", "-w", workspace]),
        Service("worker", [python, "-m", "console.main", "worker"]),
        Service(
            "screens",
            [
                python, "-m", "streamlit", "run", str(PROJECT_ROOT / "dashboards" / "app.py"), "--server.address", "127.0.0.1",
                "--server.port", str(ports["screens"]), "--server.headless", "true",
            ],
            f"http://127.0.0.1:{ports['screens']}",
        ),
        Service(
            "api",
            [python, "-m", "console.main", "api", "--port", str(ports["api"])],
            f"http://127.0.0.1:{ports['api']}/health",
        ),
    ]  # fmt: skip


def up() -> None:
    """Starts all services, shows one log, and stops them all on Ctrl-C or SIGTERM, or when one of them ends."""
    check_migrated()
    serve()


def serve() -> None:
    """Runs the services until told to stop. Raises Refused when one ends by itself."""
    prepare_dagster()
    database_url("crm")
    wanted = services()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    running = {
        service.name: subprocess.Popen(
            service.command, cwd=PROJECT_ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )
        for service in wanted
    }  # fmt: skip
    stop = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stop.set())
    for colour, (name, process) in zip(COLOURS, running.items(), strict=True):
        threading.Thread(target=_relay, args=(name, colour, process.stdout), daemon=True).start()
    for service in wanted:
        if service.address:
            console.print(f"[bold]{service.name:8}[/] {service.address}")
    try:
        while not stop.wait(0.5):
            ended = [name for name, process in running.items() if process.poll() is not None]
            if ended:
                raise Refused(f"{', '.join(ended)} ended by itself (its log is above), so everything was stopped.")
    finally:
        _stop(list(running.values()))


def down(json: bool = typer.Option(False, "--json")) -> None:
    """Stops the embedded Postgres cleanly; its data stays."""
    stopped = Cluster(load_settings().engage_home).stop()
    if json:
        print(f'{{"stopped": {str(stopped).lower()}}}')
    else:
        console.print("The embedded Postgres is stopped." if stopped else "The embedded Postgres was not running.")


def _relay(name: str, colour: str, output: IO[str] | None) -> None:
    for line in output or ():
        console.print(f"[{colour}]{name:8}[/] ", end="")
        console.print(line.rstrip(), markup=False, soft_wrap=True)


def _stop(processes: list[subprocess.Popen[str]]) -> None:
    """Asks each group to end, and after a grace makes it."""
    for signum, grace in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, 5)):
        alive = [process for process in processes if process.poll() is None]
        for process in alive:
            os.killpg(process.pid, signum)
        deadline = time.monotonic() + grace
        while any(process.poll() is None for process in alive) and time.monotonic() < deadline:
            time.sleep(0.1)
