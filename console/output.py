"""What commands print: words and tables for people, one JSON object for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """One JSON object on standard output."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    print(orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2).decode())


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table; numbers stand right."""
    table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for position, column in enumerate(columns):
        is_number = bool(rows) and all(isinstance(row[position], int | float) for row in rows)
        table.add_column(column, justify="right" if is_number else "left")
    for row in rows:
        table.add_row(*map(_cell, row))
    console.print(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return f"{value:,}" if isinstance(value, int) else str(value)


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turns what a person can mend into a message and exit code 1; anything else is a fault of ours and shows its trace."""
    from activation.errors import Refused
    from demo.mutate import CrmEmpty
    from demo.seed import CrmNotEmpty
    from engage_db.connection import DatabaseUnreachable
    from engage_db.embedded import ClusterError
    from engage_db.settings import SettingsError
    from orchestration.extraction.mirror import CrmTableProblem
    from orchestration.extraction.registry import RegistryError
    from orchestration.extraction.sync import SyncFailed
    from orchestration.transformation.manifest import DbtProjectInvalid

    known = (
        Refused, CrmEmpty, CrmNotEmpty, DatabaseUnreachable, ClusterError, SettingsError, CrmTableProblem, RegistryError,
        SyncFailed, DbtProjectInvalid, NotMigrated,
    )  # fmt: skip
    try:
        yield
    except known as error:
        errors.print(f"✗ {error}", markup=False, soft_wrap=True)
        raise SystemExit(1) from None


class NotMigrated(Exception):
    """The Engage DB is not at the revision that this code needs."""
