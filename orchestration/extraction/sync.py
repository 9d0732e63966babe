"""One incremental sync of one CRM table into its mirror: all of it and its checkpoint, or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection, sql

from engage_db import named_sql
from engage_db.pause import pause_point
from orchestration.extraction.copying import pipe
from orchestration.extraction.mirror import SCHEMA, MirrorColumn, crm_columns, index_mirror, mirror_name, prepare_mirror
from orchestration.extraction.registry import CrmTable

SQL = named_sql.load(__file__)


MOST_LIVE_CHANGES = 50_000  # more are no news of single people: the build that follows takes them all


class SyncFailed(Exception):
    """A sync of one table did not happen; the message names the table and the cause."""


@dataclass(frozen=True)
class Checkpoint:
    """The newest row read so far: its `changed_at` and its key, as the database prints them."""

    cursor_value: str
    cursor_key: str


@dataclass(frozen=True)
class SyncReport:
    """What a sync did: rows read from the CRM, rows new and changed in the mirror, how fresh the newest is."""

    table: str
    read: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    revived: int = 0
    without_cursor: int = 0
    bytes: int = 0
    lag_seconds: float | None = None
    checkpoint: Checkpoint | None = None


def sync_table(crm: Connection, engage: Connection, table: CrmTable) -> SyncReport:
    """Brings the mirror up to what the CRM holds now. Safe to repeat; a second sync at the same time waits.

    Reads rows whose `changed_at` is not older than the checkpoint less the lookback, and those without one; all rows when the
    table has a new column, since its values move no `changed_at`.
    Raises CrmTableProblem or SyncFailed; the checkpoint then stands where it stood.
    """
    with ledger(engage, table, "sync") as sync_run_id, crm.transaction(force_rollback=True):
        columns = crm_columns(crm, table)
        mirror = prepare_mirror(engage, table, columns)
        if mirror == "made":
            report = _load_all(crm, engage, table, columns)
        else:
            cursor = (
                None if mirror == "grown" else engage.execute(SQL.checkpoint, {"table_name": table.name}).fetchone()
            )
            report = load(crm, engage, table, columns, select(table, columns, since=cursor[0] if cursor else None))
        pause_point("checkpoint")
        record(engage, sync_run_id, report)
    return report


@contextmanager
def ledger(engage: Connection, table: CrmTable, kind: str) -> Iterator[int]:
    """A row of engage.sync_runs around one transaction: success is written with the data, failure after the rollback.

    Holds the table's lock throughout, so a second process waits until the first is done.
    """
    engage.execute(SQL.lock_table, {"table_name": table.name})
    row = engage.execute(SQL.begin_run, {"table_name": table.name, "kind": kind}).fetchone()
    assert row is not None
    engage.commit()
    try:
        yield row[0]
        engage.commit()
    except BaseException as error:
        if not engage.closed:
            engage.rollback()
            problem = str(error).strip() or type(error).__name__
            engage.execute(SQL.fail_run, {"sync_run_id": row[0], "problem": problem})
            engage.commit()
        if isinstance(error, psycopg.Error):
            raise SyncFailed(f"Sync of {table.name} failed: {str(error).strip()}") from error
        raise
    finally:
        if not engage.closed:
            engage.execute(SQL.unlock_table, {"table_name": table.name})
            engage.commit()


def _load_all(crm: Connection, engage: Connection, table: CrmTable, columns: list[MirrorColumn]) -> SyncReport:
    """The first load: straight into the empty mirror."""
    rows, size = pipe(crm, select(table, columns), engage, _into(mirror_name(table), columns))
    index_mirror(engage, table)
    engage.execute(sql.SQL("analyze {}").format(mirror_name(table)))
    newest = _newest(crm, engage, table, mirror_name(table))
    return SyncReport(table.name, read=rows, inserted=rows, bytes=size, **newest)


def load(
    crm: Connection, engage: Connection, table: CrmTable, columns: list[MirrorColumn], query: sql.Composed
) -> SyncReport:
    """Later loads: into a table of the transaction, then one upsert that leaves equal rows alone."""
    stage = sql.Identifier("pg_temp", f"sync_{table.name}"[:60])
    engage.execute(
        sql.SQL("create temp table {} on commit drop as select {} from {} with no data").format(
            sql.Identifier(f"sync_{table.name}"[:60]), _names(columns), mirror_name(table)
        )
    )
    rows, size = pipe(crm, query, engage, _into(stage, columns))
    if rows == 0:
        return SyncReport(table.name, bytes=size)
    inserted, updated, revived = _upsert(engage, table, columns, stage)
    tell_live_segments(engage, table, inserted + updated, among=stage)
    newest = _newest(crm, engage, table, stage)
    return SyncReport(table.name, rows, inserted, updated, revived=revived, bytes=size, **newest)


def tell_live_segments(
    engage: Connection, table: CrmTable, changed: int, *, among: sql.Identifier | None = None
) -> None:
    """Notes whose rows this transaction wrote, when a segment is evaluated live; `among` holds their keys, if known.

    Very many are left to the build that follows.
    """
    if (
        not table.contact
        or not 0 < changed <= MOST_LIVE_CHANGES
        or engage.execute(SQL.has_live_segments).fetchone() is None
    ):
        return
    key = sql.SQL(", ").join(map(sql.Identifier, table.key))
    written: sql.SQL | sql.Composed = sql.SQL("mirror._deleted_at = transaction_timestamp()")
    if among is not None:
        written = sql.SQL(
            "mirror._extracted_at = transaction_timestamp() and ({key}) in (select {key} from {among})"
        ).format(key=key, among=among)
    engage.execute(
        sql.SQL(
            "insert into engage.live_changes (contact_id, landed_at) "
            "select distinct mirror.{contact}::bigint, transaction_timestamp() from {mirror} as mirror "
            "where {written} and mirror.{contact} is not null"
        ).format(contact=sql.Identifier(table.contact), mirror=mirror_name(table), written=written)
    )
    engage.execute(SQL.wake_worker)


def select(
    table: CrmTable,
    columns: list[MirrorColumn],
    since: str | None = None,
    among: Sequence[tuple[object, ...]] | None = None,
) -> sql.Composed:
    """All rows, those changed since, or those of some keys."""
    schema, name = table.source_parts
    chosen = sql.SQL(", ").join(column.selected for column in columns)
    query = sql.SQL("select {} from {}").format(chosen, sql.Identifier(schema, name))
    if among is not None:
        rows = sql.SQL(", ").join(sql.SQL("({})").format(sql.SQL(", ").join(map(sql.Literal, key))) for key in among)
        return query + sql.SQL(" where ({}) in ({})").format(sql.SQL(", ").join(map(sql.Identifier, table.key)), rows)
    if since is None:
        return query
    cursor = next(column for column in columns if column.name == table.changed_at)
    bound = sql.SQL("{}::{}").format(sql.Literal(since), sql.SQL(cursor.type))
    if cursor.type.startswith(("timestamp", "date")):
        bound += sql.SQL(" - interval {}").format(sql.Literal(f"{table.lookback.total_seconds()} seconds"))
    changed_at = sql.Identifier(table.changed_at)
    return query + sql.SQL(" where {0} >= {1} or {0} is null").format(changed_at, bound)


def _upsert(
    engage: Connection, table: CrmTable, columns: list[MirrorColumn], stage: sql.Identifier
) -> tuple[int, int, int]:
    """Rows inserted, updated, and of the updated those that had been deleted. Compares stored bytes, so types need no equality."""
    others = [column for column in columns if column.name not in table.key]

    def listed(template: str) -> sql.Composed:
        return sql.SQL(", ").join(sql.SQL(template).format(sql.Identifier(column.name)) for column in others)

    key = sql.SQL(", ").join(map(sql.Identifier, table.key))
    revived = engage.execute(
        sql.SQL(
            "select count(*) from {stage} where exists (select from {mirror} where _deleted_at is not null) "
            "and ({key}) in (select {key} from {mirror} where _deleted_at is not null)"
        ).format(stage=stage, mirror=mirror_name(table), key=key)
    ).fetchone()
    before = _written(engage, table)
    engage.execute(
        sql.SQL(
            """
            insert into {mirror} as mirror ({names}, _extracted_at)
            select {names}, transaction_timestamp() from {stage}
            on conflict ({key}) do update
            set {assignments} _extracted_at = excluded._extracted_at, _deleted_at = null
            where record_image_ne(row({old} mirror._deleted_at), row({new} null::timestamptz))
            """
        ).format(
            mirror=mirror_name(table),
            stage=stage,
            names=_names(columns),
            key=key,
            assignments=listed("{0} = excluded.{0}") + sql.SQL("," if others else ""),
            old=listed("mirror.{0}") + sql.SQL("," if others else ""),
            new=listed("excluded.{0}") + sql.SQL("," if others else ""),
        )
    )
    after = _written(engage, table)
    return after[0] - before[0], after[1] - before[1], revived[0] if revived else 0


def _written(engage: Connection, table: CrmTable) -> tuple[int, int]:
    """Rows inserted into and updated in the mirror by this transaction so far: counted by Postgres, so RETURNING need not."""
    counted = engage.execute(SQL.written, {"mirror": f"{SCHEMA}.{table.name}"}).fetchone()
    assert counted is not None
    return counted


def _newest(crm: Connection, engage: Connection, table: CrmTable, rows: sql.Identifier) -> dict[str, Any]:
    """Where the next sync begins: the newest row read, but never later than the CRM's clock."""
    column, key = sql.Identifier(table.changed_at), sql.Identifier(table.key[0])
    typed = engage.execute(sql.SQL("select pg_typeof({})::text from {} limit 1").format(column, rows)).fetchone()
    clock = crm.execute("select transaction_timestamp()").fetchone()
    if typed is None or clock is None:
        return {}
    is_time = typed[0].startswith(("timestamp", "date"))
    now = sql.SQL("{}::timestamptz").format(sql.Literal(clock[0]))
    newest = engage.execute(
        sql.SQL(
            "select max({c}) filter (where {bounded})::text, count(*) filter (where {c} is null) from {rows}"
        ).format(c=column, rows=rows, bounded=sql.SQL("{} <= {}").format(column, now) if is_time else sql.SQL("true"))
    ).fetchone()
    value, without = newest or (None, 0)
    found = engage.execute(
        sql.SQL("select max({key})::text, {age} from {rows} where {c} = {value}::{type}").format(
            key=key,
            rows=rows,
            c=column,
            value=sql.Literal(value),
            type=sql.SQL(typed[0]),
            age=sql.SQL("extract(epoch from {} - max({}))::float8").format(now, column) if is_time else sql.NULL,
        )
    ).fetchone()
    return {
        "checkpoint": Checkpoint(value, found[0]) if found and value else None,
        "lag_seconds": found[1] if found else None,
        "without_cursor": without,
    }


def record(engage: Connection, sync_run_id: int, report: SyncReport) -> None:
    """Writes checkpoint and ledger in the transaction of the rows."""
    facts = vars(report)
    engage.execute(
        SQL.save_checkpoint,
        {
            "table_name": report.table,
            "cursor_value": report.checkpoint and report.checkpoint.cursor_value,
            "cursor_key": report.checkpoint and report.checkpoint.cursor_key,
            "rows_gained": report.inserted + report.revived - report.deleted,
        },
    )
    engage.execute(SQL.finish_run, {"sync_run_id": sync_run_id, **facts})


def _names(columns: list[MirrorColumn]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)


def _into(relation: sql.Identifier, columns: list[MirrorColumn]) -> sql.Composed:
    return sql.SQL("{} ({})").format(relation, _names(columns))
