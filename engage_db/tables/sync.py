"""How far each CRM table has been read, and what every sync did."""

from sqlalchemy import BigInteger, Column, Double, Index, Table

from engage_db.tables.columns import identity, metadata, one_of, text, timestamp

sync_checkpoints = Table(
    "sync_checkpoints",
    metadata,
    text("table_name", primary_key=True),
    text("cursor_value", nullable=True, comment="highest changed_at read, as the CRM prints it"),
    text("cursor_key", nullable=True, comment="primary key of the row that carried it"),
    timestamp("synced_at", nullable=False),
    Column("rows_total", BigInteger, nullable=False, comment="rows of the mirror not deleted in the CRM"),
    schema="engage",
)

sync_runs = Table(
    "sync_runs",
    metadata,
    identity("sync_run_id"),
    text("table_name"),
    text("kind", comment="sync reads what changed, reconcile finds what was deleted"),
    text("status"),
    timestamp("started_at", nullable=False),
    timestamp("finished_at"),
    Column("rows_read", BigInteger),
    Column("rows_inserted", BigInteger),
    Column("rows_updated", BigInteger),
    Column("rows_deleted", BigInteger),
    Column("rows_without_cursor", BigInteger, comment="rows whose changed_at is empty: read at every sync"),
    Column("bytes", BigInteger),
    Column("lag_seconds", Double, comment="age of the newest change when it was read"),
    text("problem", nullable=True),
    one_of("kind", ("sync", "reconcile")),
    one_of("status", ("running", "succeeded", "failed")),
    Index(None, "table_name", "started_at"),
    schema="engage",
)
