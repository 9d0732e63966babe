"""Webhooks taken in, verified, stored and acknowledged: ours against one INSERT per request, in the same run.

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

EVENTS = 40_000
LANES = 256
FLOOR = 5000.0
ONE_BY_ONE = ("-m", "tests.support.api_one_by_one")


def measure(scale: float) -> list[dict[str, Any]]:
    """Events a second against the floor and against the obvious way."""
    events = max(2000, int(EVENTS * scale))
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder))
        cluster.start(databases=("engage",))
        try:
            url = cluster.url("engage")
            migrate.upgrade(url)
            with api(url, Path(folder)) as ours:
                _load(ours.url, events // 10, "warm")
                together = _load(ours.url, events, "together")
            with api(url, Path(folder), command=ONE_BY_ONE) as theirs:
                _load(theirs.url, events // 40, "warm too")
                alone = _load(theirs.url, events // 4, "alone")
            with psycopg.connect(url) as db:
                counted = db.execute("select count(*) from landing.provider_events").fetchone()
            assert counted == (events // 10 + events + events // 40 + events // 4,)
        finally:
            cluster.stop()
    return [
        row("webhooks stored and acknowledged / floor", ours=together, reference=FLOOR, unit="/s", target="≥ 5,000 /s", ok=together >= FLOOR),
        row("webhooks together / one INSERT each", ours=together, reference=alone, unit="/s", target="", ok=True),
    ]  # fmt: skip


def _load(url: str, events: int, name: str) -> float:
    """Events a second, posted by another process. Every one must be acknowledged."""
    command = [
        sys.executable,
        "-m",
        "tests.support.webhook_load",
        url,
        "--events",
        str(events),
        "--lanes",
        str(LANES),
        "--name",
        name,
    ]
    said = subprocess.run(command, cwd=PROJECT_ROOT, check=True, capture_output=True, text=True, timeout=60).stdout
    report = json.loads(said)
    assert report["statuses"] == {"200": events}, report
    return events / float(report["seconds"])
