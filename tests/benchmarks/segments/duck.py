"""The same rows in DuckDB, and the same questions asked there. Loading is not measured."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import psycopg

from engage_db import named_sql

SQL = named_sql.load(__file__, "duckdb")

TYPES = {
    "bigint": "bigint", "text": "varchar", "numeric": "decimal(18, 4)", "date": "date", "uuid": "uuid", "jsonb": "json",
    "timestamp with time zone": "timestamptz", "text[]": "varchar[]",
}  # fmt: skip
SOURCES = {"profiles": "profiles.contact_profiles", "events": "core.events", "members": "engage.segment_members"}


def load(db: psycopg.Connection, folder: Path) -> duckdb.DuckDBPyConnection:
    """A database in memory with the tables profiles, events and members."""
    duck = duckdb.connect()
    duck.execute(f"set threads = {os.cpu_count() or 2}; set timezone = 'UTC'; set preserve_insertion_order = false")
    for name, source in SOURCES.items():
        columns = db.execute(
            "select attname, format_type(atttypid, null) from pg_attribute "
            "where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
            [source],
        ).fetchall()
        file = folder / f"{name}.csv"
        # arrays travel as JSON
        selected = ", ".join(f"to_json({column})" if kind == "text[]" else column for column, kind in columns)
        with (
            file.open("wb") as target,
            db.cursor().copy(f"copy (select {selected} from {source}) to stdout (format csv)") as rows,
        ):  # type: ignore[call-overload]
            for block in rows:
                target.write(block)
        read = ", ".join(f"'{column}': '{'json' if kind == 'text[]' else TYPES[kind]}'" for column, kind in columns)
        kept = ", ".join(f"{column}::varchar[] as {column}" if kind == "text[]" else column for column, kind in columns)
        duck.execute(
            f"create table {name} as select {kept} from read_csv('{file}', header = false, nullstr = '', columns = {{{read}}})"
        )
        file.unlink()
    return duck


def members(duck: duckdb.DuckDBPyConnection, key: str, parameters: Mapping[str, Any]) -> tuple[float, np.ndarray]:
    """Seconds into a temporary table, and the sorted ids."""
    statement = _statement(key, parameters)
    started = time.perf_counter()
    duck.execute(f"create or replace temp table found as {statement}")
    seconds = time.perf_counter() - started
    return seconds, np.sort(duck.execute("select contact_id from found").fetchnumpy()["contact_id"])


def _statement(key: str, parameters: Mapping[str, Any]) -> str:
    """With the parameters in their places: CREATE TABLE takes none."""
    statement = str(getattr(SQL, key)).rstrip(";")
    for name, value in parameters.items():
        literal = f"timestamptz '{value.isoformat()}'" if isinstance(value, datetime) else str(value)
        statement = statement.replace(f"%({name})s", literal)
    return statement
