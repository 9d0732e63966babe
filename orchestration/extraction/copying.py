"""COPY out of one database piped into COPY of another: the rows never become Python values."""

from __future__ import annotations

from psycopg import Connection, sql

from engage_db.pause import pause_point

BLOCK_BYTES = 128 * 1024


def pipe(source: Connection, query: sql.Composable, target: Connection, into: sql.Composable) -> tuple[int, int]:
    """Copies the rows of `query` into the table and columns `into`; returns rows and bytes.

    Binary on both sides, so infinity, BC dates, intervals and odd json arrive as they were. Memory stays at a block.
    """
    copied = 0
    reading = sql.SQL("copy ({}) to stdout (format binary)").format(query)
    writing = sql.SQL("copy {} from stdin (format binary)").format(into)
    sink = target.cursor()
    with source.cursor().copy(reading) as rows, sink.copy(writing) as copy:
        block: list[bytes | bytearray | memoryview[int]] = []
        waiting = 0
        for row in rows:
            block.append(row)
            waiting += len(row)
            if waiting >= BLOCK_BYTES:
                copy.write(b"".join(block))
                copied += waiting
                block, waiting = [], 0
        copy.write(b"".join(block))
        pause_point("copy")
    return sink.rowcount, copied + waiting
