"""`engage run` over a CRM in which nothing changed: 5,000 customers at scale 1, in a new process as a user starts it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.rows import row
from tests.support.installation import installed

CUSTOMERS = 5000
LIMIT_SECONDS = 30.0


def measure(scale: float) -> list[dict[str, Any]]:
    """The whole against its limit, and each step as a share of the whole."""
    with tempfile.TemporaryDirectory() as folder, installed(Path(folder)) as installation:
        installation.engage("crm", "seed", "--customers", str(max(50, int(CUSTOMERS * scale))))
        for _ in range(2):  # the first builds, the second takes what the first changed
            installation.json("run", timeout=600)
        started = time.perf_counter()
        report = installation.json("run", timeout=600)
        whole = time.perf_counter() - started
    lines = [
        row(
            "loop, nothing changed / limit",
            ours=whole,
            reference=LIMIT_SECONDS,
            unit="s",
            target="≤ 30 s",
            ok=whole <= LIMIT_SECONDS,
        )
    ]
    lines += [
        row(f"  of it: {step}", ours=seconds, reference=whole, unit="s", target="", ok=True)
        for step, seconds in {
            **report["seconds"],
            "start and end of the process": round(whole - sum(report["seconds"].values()), 1),
        }.items()
    ]
    return lines
