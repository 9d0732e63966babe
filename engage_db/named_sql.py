"""Fixed SQL kept in a .sql file beside the module that owns it, as `-- name: claim(run_id, limit)` blocks."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, LiteralString, cast

import aiosql

logging.getLogger("aiosql").setLevel(logging.ERROR)  # it wants operators that only its own execution needs


class NamedSql:
    """The statements of one file; each is an attribute holding SQL text with %(name)s placeholders."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._queries: Any = aiosql.from_path(file, "psycopg")

    def __getattr__(self, name: str) -> LiteralString:
        if name.startswith("_") or name not in self._queries.available_queries:
            raise AttributeError(f"{self._file.name} has no statement named {name}")
        return cast("LiteralString", getattr(self._queries, name).sql)


def load(module_file: str, name: str | None = None) -> NamedSql:
    """The statements of the .sql file beside `module_file`, named like it unless `name` says otherwise."""
    module = Path(module_file)
    return NamedSql(module.with_name(f"{name or module.stem}.sql"))
