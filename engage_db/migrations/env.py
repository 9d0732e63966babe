"""Alembic's environment: one advisory lock, short lock waits, the connection that `engage_db.migrate` passes."""

from alembic import context
from sqlalchemy import Connection, text

from engage_db.tables import OWNED_SCHEMAS, metadata

MIGRATION_LOCK = 7_301_001  # any number of our own; pg_advisory_lock is per database


def _is_ours(name: str | None, kind: str, parents: object) -> bool:
    return name in OWNED_SCHEMAS if kind == "schema" else True


def _is_declared(_object: object, name: str | None, kind: str, _reflected: bool, _compare: object) -> bool:
    schema = getattr(_object, "schema", None)
    return not (kind == "table" and schema == "raw_crm")  # the mirrors follow the CRM, not Alembic


def run(connection: Connection) -> None:
    """Migrates over the given connection, in one transaction."""
    connection.execute(text("set lock_timeout = '10s'"))
    connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
    connection.execute(text("create schema if not exists engage"))
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_schemas=True,
        include_name=_is_ours,
        include_object=_is_declared,
        version_table_schema="engage",
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
