"""Connections to the databases: by URL where one is set, else to the embedded cluster."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from engage_db.settings import Settings, load_settings

OLDEST_POSTGRES = 150000


class DatabaseUnreachable(Exception):
    """No usable connection; the message names the database, the setting and what Postgres said, never a password."""


def database_url(name: str, settings: Settings | None = None) -> str:
    """The URL of `engage`, `crm` or `dagster`; starts the embedded cluster when the setting is empty."""
    settings = settings or load_settings()
    configured: str = getattr(settings, f"{name}_database_url")
    if configured:
        return configured
    from engage_db.embedded import Cluster  # noqa: PLC0415 - not loaded where another Postgres is used

    return Cluster(settings.engage_home).start().url(name)


def connect(
    url: str, *, setting: str, application: str = "engage", autocommit: bool = False, **parameters: str
) -> psycopg.Connection:
    """A connection in UTC whose failures say which setting to mend.

    Extra `parameters` are server settings of the session, such as statement_timeout="30s".
    """
    session = {"timezone": "UTC", **parameters}
    options = " ".join(f"-c {name}={value}" for name, value in session.items())
    try:
        db = psycopg.connect(
            url, application_name=application, options=options, autocommit=autocommit, connect_timeout=10
        )
    except psycopg.Error as error:
        raise DatabaseUnreachable(
            f"Cannot connect to {masked(url)}: {_first_line(error)}\nSet {setting} to a Postgres that is running, "
            "or leave it empty for the embedded one."
        ) from None
    if db.info.server_version < OLDEST_POSTGRES:
        version = db.info.server_version // 10000
        db.close()
        raise DatabaseUnreachable(f"{masked(url)} runs PostgreSQL {version}; {setting} needs 15 or newer.")
    return db


def connect_engage(settings: Settings | None = None, **options: Any) -> psycopg.Connection:
    """A read-write connection to the Engage DB."""
    return connect(database_url("engage", settings), setting="ENGAGE_DATABASE_URL", **options)


def connect_crm(settings: Settings | None = None, **options: Any) -> psycopg.Connection:
    """A read-only connection to the CRM with a statement timeout: we never change it, nor hold it up."""
    settings = settings or load_settings()
    return connect(
        database_url("crm", settings),
        setting="CRM_DATABASE_URL",
        default_transaction_read_only="on",
        statement_timeout=f"{settings.crm_statement_timeout_seconds}s",
        lock_timeout="30s",
        idle_in_transaction_session_timeout="10min",
        **options,
    )


def sqlalchemy_url(url: str, driver: str = "psycopg") -> str:
    """The same URL for SQLAlchemy, naming the driver (dagster-postgres needs psycopg2)."""
    return f"postgresql+{driver}://{url.split('://', 1)[1]}"


def masked(url: str) -> str:
    """The URL without its password, for messages and logs."""
    parts = urlsplit(url)
    return f"postgresql://{parts.username or ''}@{parts.hostname or ''}:{parts.port or 5432}{parts.path}"


def dbt_environment(url: str) -> dict[str, str]:
    """What dbt_project/profiles.yml reads, taken from a connection URL."""
    parts = conninfo_to_dict(url)
    return {
        "ENGAGE_DBT_HOST": str(parts.get("host") or "localhost"),
        "ENGAGE_DBT_PORT": str(parts.get("port") or 5432),
        "ENGAGE_DBT_USER": str(parts.get("user") or "postgres"),
        "ENGAGE_DBT_PASSWORD": str(parts.get("password") or ""),
        "ENGAGE_DBT_DATABASE": str(parts["dbname"]),
    }


def _first_line(error: psycopg.Error) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
