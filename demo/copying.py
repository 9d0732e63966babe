"""Rows as COPY text, block by block."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import Connection, sql

BLOCK = 20_000
NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})

Times = npt.NDArray[np.datetime64]


def escaped(value: str | None) -> str:
    """A text as COPY reads it."""
    return NULL if value is None else value.translate(_ESCAPES)


def as_text(times: Times) -> list[str]:
    """Times in UTC as COPY reads them; NaT becomes null."""
    texts = np.char.add(np.datetime_as_string(times.astype("datetime64[s]"), unit="s"), "+00")
    return [NULL if text.startswith("NaT") else text for text in texts.tolist()]


def copy_rows(db: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Writes rows of ready COPY texts into the columns of a table; returns how many."""
    into = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    cursor = db.cursor()
    remaining = iter(rows)
    with cursor.copy(into) as copy:
        while block := list(islice(remaining, BLOCK)):
            copy.write("\n".join(map("\t".join, block)) + "\n")
    return cursor.rowcount
