"""engage bench: the benchmarks of tests/benchmarks."""

from __future__ import annotations

import importlib
import sys

import typer

from activation.errors import NotFound
from console.output import print_json, print_table
from engage_db.settings import PROJECT_ROOT

BENCHMARKS = ("extract", "loop", "segments", "send", "snapshot", "webhooks")


def bench(
    name: str = typer.Argument("all", help=f"{', '.join(BENCHMARKS)}, or all"),
    scale: float = typer.Option(1.0, min=0.001, help="of the sizes"),
    curve: bool = typer.Option(False, "--curve", help="three sizes and the exponent of growth"),
    json: bool = typer.Option(False, "--json"),
) -> None:
    """Measures our way and a peer's or a limit in the same run. Leaves with exit code 1 when a target is missed."""
    if name not in (*BENCHMARKS, "all"):
        raise NotFound(f"There is no benchmark {name}. There are: {', '.join(BENCHMARKS)}.")
    sys.path.insert(0, str(PROJECT_ROOT))
    rows = []
    for wanted in BENCHMARKS if name == "all" else (name,):
        benchmark = importlib.import_module(f"tests.benchmarks.bench_{wanted}")
        if curve and not hasattr(benchmark, "curve"):
            if name != "all":
                raise NotFound(f"The benchmark {wanted} has no curve.")
            continue
        rows += benchmark.curve(scale) if curve else benchmark.measure(scale)
    if json:
        print_json({"benchmarks": rows})
    else:
        columns = ("work", "ours", "reference", "ratio", "target", "ok")
        print_table("", columns, [[row[column] for column in columns] for row in rows])
    if not all(row["ok"] for row in rows):
        raise typer.Exit(1)
