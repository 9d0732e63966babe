"""One line of a benchmark: our figure and a reference measured in the same run, with the target of their ratio."""

from __future__ import annotations

from typing import Any


def row(work: str, *, ours: float, reference: float, target: str, unit: str, ok: bool) -> dict[str, Any]:
    """Ready to print; `ratio` is ours over the reference."""
    return {
        "work": work,
        "ours": f"{ours:,.3g} {unit}" if ours < 1000 else f"{ours:,.0f} {unit}",
        "reference": f"{reference:,.3g} {unit}" if reference < 1000 else f"{reference:,.0f} {unit}",
        "ratio": round(ours / reference, 2) if reference else None,
        "target": target,
        "ok": ok,
    }
