"""Webhooks taken in, verified, stored and acknowledged: ours, one INSERT per request, and the same server doing nothing.

Server, load generator and Postgres are processes of their own, with durability on, and share the cores of the machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg

from engage_db import migrate
from engage_db.embedded import Cluster
from engage_db.settings import PROJECT_ROOT
from tests.benchmarks.rows import row
from tests.support.api_process import api

SECONDS, WARM_SECONDS = 5.0, 0.5
LANES = 256
FLOOR = 5000.0
ONE_BY_ONE = ("-m", "tests.support.api_one_by_one")
NOTHING = ("-m", "tests.support.api_empty")


def measure(scale: float) -> list[dict[str, Any]]:
    """Events a second against the floor and against the obvious way; `scale` is of the seconds that each is measured."""
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder))
        cluster.start(databases=("engage",))
        try:
            url = cluster.url("engage")
            migrate.upgrade(url)
            together = _rate(url, Path(folder), "together", scale)
            alone = _rate(url, Path(folder), "alone", scale, command=ONE_BY_ONE)
            limit = _rate(url, Path(folder), "empty", scale, stores=False, command=NOTHING)
        finally:
            cluster.stop()
    return [
        row("webhooks stored and acknowledged / floor", ours=together, reference=FLOOR, unit="/s", target="≥ 5,000 /s", ok=together >= FLOOR),
        row("webhooks together / a server that answers and does nothing", ours=together, reference=limit, unit="/s", target="", ok=True),
        row("webhooks together / one INSERT each", ours=together, reference=alone, unit="/s", target="", ok=True),
    ]  # fmt: skip


def _rate(url: str, home: Path, name: str, scale: float, *, stores: bool = True, **options: Any) -> float:
    """Events a second. Every one must be acknowledged and, by a server that `stores`, stored."""
    with api(url, home, **options) as server:
        _load(server.url, WARM_SECONDS, f"{name}, warming up")
        report = _load(server.url, min(10.0, max(1.0, SECONDS * scale)), name)
    acknowledged = report["statuses"]
    assert list(acknowledged) == ["200"], report
    with psycopg.connect(url) as db:
        stored = db.execute(
            "select count(*) from landing.provider_events where starts_with(provider_event_id, %s)", [f"{name}/"]
        ).fetchone()
    assert stored == ((acknowledged["200"] if stores else 0),), (report, stored)
    return float(acknowledged["200"] / report["seconds"])


def _load(url: str, seconds: float, name: str) -> dict[str, Any]:
    """What another process reports that posted for so long."""
    command = [
        sys.executable,
        "-m",
        "tests.support.webhook_load",
        url,
        "--seconds",
        str(seconds),
        "--lanes",
        str(LANES),
        "--name",
        name,
    ]
    said = subprocess.run(command, cwd=PROJECT_ROOT, check=True, capture_output=True, text=True, timeout=60).stdout
    return dict(json.loads(said))
