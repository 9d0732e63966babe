"""The questions that screens ask. Each reads the Engage DB, read-only, and returns a DataFrame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import streamlit as st
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from activation.segments.preview import reachable_members
from engage_db.connection import connect, database_url
from engage_db.named_sql import NamedSql

PAGE_SIZE = 25
MOST_COUNTED = 10_000

FRESH_SECONDS = 5  # how old a figure on a screen may be
_QUERIES = {file.stem: NamedSql(file) for file in sorted(Path(__file__).with_name("queries").glob("*.sql"))}


class NotBuilt(Exception):
    """A table is not there yet: nothing was built so far."""


@st.cache_resource
def _pool(url: str) -> ConnectionPool:
    options = "-c timezone=UTC -c default_transaction_read_only=on -c statement_timeout=15s"
    return ConnectionPool(
        url,
        kwargs={"options": options, "application_name": "engage screens"},
        min_size=0,
        max_size=8,
        open=True,
        timeout=5,
    )


def ask_now(subject: str, question: str, **parameters: Any) -> pd.DataFrame:
    """The rows of a named query of dashboards/queries/<subject>.sql, as they are this moment.

    Raises NotBuilt when its tables are not there yet, DatabaseUnreachable when there is no database.
    """
    with _reading() as db, db.cursor(row_factory=dict_row) as cursor:
        cursor.execute(getattr(_QUERIES[subject], question), parameters)
        columns = [column.name for column in cursor.description or ()]
        return pd.DataFrame(cursor.fetchall(), columns=columns)


@contextmanager
def _reading() -> Iterator[Connection]:
    url = database_url("engage")
    pool = _pool(url)
    if not pool.get_stats().get(
        "pool_size"
    ):  # where nothing answers, a page says so at once, not when the pool gives up
        connect(url, setting="ENGAGE_DATABASE_URL").close()
    try:
        with pool.connection() as db:
            yield db
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        raise NotBuilt from None
    except (PoolTimeout, psycopg.OperationalError):
        connect(url, setting="ENGAGE_DATABASE_URL").close()  # says what is wrong
        raise


@st.cache_data(ttl=FRESH_SECONDS, show_spinner=False)
def ask(subject: str, question: str, **parameters: Any) -> pd.DataFrame:
    """As ask_now, at most FRESH_SECONDS old."""
    return ask_now(subject, question, **parameters)


@st.cache_data(ttl=FRESH_SECONDS, show_spinner=False)
def reachable(segment_id: int) -> int:
    """How many members of a segment a campaign could write to, at most FRESH_SECONDS old. Raises as ask_now."""
    with _reading() as db:
        return reachable_members(db, segment_id, at=datetime.now(UTC))


def records(subject: str, question: str, **parameters: Any) -> list[dict[str, Any]]:
    """The rows as dicts, with None for what is empty."""
    return as_records(ask(subject, question, **parameters))


def as_records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dicts, with None for what is empty."""
    return [
        {str(name): value for name, value in row.items()}
        for row in rows.astype(object).where(rows.notna(), None).to_dict("records")
    ]


def one(subject: str, question: str, **parameters: Any) -> dict[str, Any] | None:
    """The first row as a dict; None without one."""
    rows = records(subject, question, **parameters)
    return rows[0] if rows else None
