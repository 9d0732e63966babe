"""Compares keys: an incremental read sees neither what the CRM deleted nor what came with an old time of change."""

from __future__ import annotations

from dataclasses import replace

from psycopg import Connection, sql

from orchestration.extraction.copying import pipe
from orchestration.extraction.mirror import SCHEMA, columns_in, crm_columns, mirror_name
from orchestration.extraction.registry import CrmTable
from orchestration.extraction.sync import (
    SQL,
    SyncFailed,
    SyncReport,
    ledger,
    load,
    record,
    select,
    sync_table,
    tell_live_segments,
)

SMALL = 100_000  # rows whose keys are compared at every sync; larger tables once a day
MOST_DELETED = 0.5  # a larger share of a table gone at once is a mistake until a person says otherwise
FEW = 20  # rows that may always go
MOST_LACKING = 10_000  # rows read by their keys; when more are lacking, the whole table is read


def extract(crm: Connection, engage: Connection, table: CrmTable, *, reconcile: bool = False) -> SyncReport:
    """Syncs a table, and reconciles it when asked to, when it is small, or when that is a day ago."""
    report = sync_table(crm, engage, table)
    if reconcile or _is_due(engage, table):
        found = reconcile_table(crm, engage, table)
        report = replace(
            report, deleted=found.deleted, inserted=report.inserted + found.inserted, updated=report.updated + found.updated,
            revived=report.revived + found.revived,
        )  # fmt: skip
    return report


def reconcile_table(crm: Connection, engage: Connection, table: CrmTable) -> SyncReport:
    """Marks the rows of the mirror whose key the CRM no longer has as deleted, and reads those that the mirror lacks.

    Raises SyncFailed, changing nothing, when more than half of the table would go.
    """
    key = sql.SQL(", ").join(map(sql.Identifier, table.key))
    keys = sql.Identifier(f"keys_{table.name}"[:60])
    with ledger(engage, table, "reconcile") as sync_run_id, crm.transaction(force_rollback=True):
        mirrored = {column.name for column in columns_in(engage, SCHEMA, table.name)}
        columns = [column for column in crm_columns(crm, table) if column.name in mirrored]
        engage.execute(
            sql.SQL("create temp table {} on commit drop as select {} from {} with no data").format(
                keys, key, mirror_name(table)
            )
        )
        query = sql.SQL("select {} from {}").format(key, sql.Identifier(*table.source_parts))
        read, size = pipe(crm, query, engage, sql.SQL("{} ({})").format(keys, key))
        engage.execute(sql.SQL("analyze {}").format(keys))
        deleted = engage.execute(
            sql.SQL(
                "update {mirror} set _deleted_at = transaction_timestamp(), _extracted_at = transaction_timestamp() "
                "where _deleted_at is null and ({key}) not in (select {key} from {keys})"
            ).format(mirror=mirror_name(table), keys=keys, key=key)
        ).rowcount
        _refuse_a_collapse(engage, table, deleted)
        tell_live_segments(engage, table, deleted)
        report = SyncReport(table.name, read=read, deleted=deleted, bytes=size)
        if lacking := _lacking(engage, table, keys):
            among = lacking if len(lacking) < MOST_LACKING else None
            found = load(crm, engage, table, columns, select(table, columns, among=among))
            report = replace(report, inserted=found.inserted, updated=found.updated, revived=found.revived)
        record(engage, sync_run_id, report)
    return report


def _lacking(engage: Connection, table: CrmTable, keys: sql.Identifier) -> list[tuple[object, ...]]:
    """Keys that the CRM has and the mirror not, or as deleted: put back from a backup, imported, or changed without a word."""
    key = sql.SQL(", ").join(map(sql.Identifier, table.key))
    return engage.execute(
        sql.SQL(
            "select {key} from {keys} except select {key} from {mirror} where _deleted_at is null limit {most}"
        ).format(key=key, keys=keys, mirror=mirror_name(table), most=sql.Literal(MOST_LACKING))
    ).fetchall()


def _is_due(engage: Connection, table: CrmTable) -> bool:
    total = engage.execute(SQL.rows_total, {"table_name": table.name}).fetchone()
    lately = engage.execute(SQL.reconciled_lately, {"table_name": table.name}).fetchone()
    engage.commit()
    return bool(total and total[0] <= SMALL) or not (lately and lately[0])


def _refuse_a_collapse(engage: Connection, table: CrmTable, deleted: int) -> None:
    total = engage.execute(SQL.rows_total, {"table_name": table.name}).fetchone()
    before = int(total[0]) if total else 0
    if deleted > FEW and deleted > before * MOST_DELETED:
        raise SyncFailed(
            f"Reconciling {table.name} would mark {deleted:,} of {before:,} rows as deleted. Nothing was changed. If the "
            f"CRM really deleted them, `engage crm reload {table.name}` builds the mirror anew."
        )
