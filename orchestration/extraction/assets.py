"""One asset per entry of crm_tables.yaml."""

from typing import Any

import dagster as dg

from orchestration.extraction.reconcile import extract
from orchestration.extraction.registry import CrmTable, crm_tables
from orchestration.extraction.sync import SyncReport
from orchestration.resources import Crm, EngageDb


def extraction_asset(table: CrmTable) -> dg.AssetsDefinition:
    """The asset crm/<name>: the mirror raw_crm.<name> brought up to the CRM."""

    @dg.asset(
        key=["crm", table.name],
        group_name="extraction",
        kinds={"postgres"},
        pool="crm",
        description=f"{table.description} Mirrored from the CRM, incrementally by {table.changed_at}.",
        metadata={"dagster/table_name": f"raw_crm.{table.name}", "lookback": str(table.lookback)},
    )
    def mirror(crm: Crm, engage_db: EngageDb) -> dg.MaterializeResult[Any]:
        with crm.connect() as source, engage_db.connect(autocommit=False) as engage:
            report = extract(source, engage, table)
        return dg.MaterializeResult(metadata=as_metadata(report))

    return mirror


def as_metadata(report: SyncReport) -> dict[str, Any]:
    """Numbers that the UI plots."""
    figures = {
        "rows_read": report.read,
        "rows_inserted": report.inserted,
        "rows_updated": report.updated,
        "rows_deleted": report.deleted,
        "rows_without_cursor": report.without_cursor,
        "bytes": report.bytes,
        "lag_seconds": report.lag_seconds,
        "checkpoint": report.checkpoint.cursor_value if report.checkpoint else None,
        "dagster/partition_row_count": report.read,
    }
    return {name: value for name, value in figures.items() if value is not None}


extraction_assets = [extraction_asset(table) for table in crm_tables()]
