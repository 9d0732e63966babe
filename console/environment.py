"""What commands need before they act: settings, a migrated Engage DB, a Dagster home."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from psycopg import Connection

from console.output import NotMigrated
from engage_db import migrate
from engage_db.connection import connect_engage, database_url, sqlalchemy_url
from engage_db.settings import load_settings

DAGSTER_YAML = """\
# Written by `engage`; the storage's address comes from the environment of each process.
storage:
  postgres:
    postgres_url:
      env: ENGAGE_DAGSTER_URL
telemetry:
  enabled: false
nux:
  enabled: false
run_monitoring:
  enabled: true
concurrency:
  pools:
    default_limit: 1
    granularity: run
  runs:
    max_concurrent_runs: 4
retention:
  sensor: {purge_after_days: {skipped: 1, success: 30, failure: 30}}
  schedule: {purge_after_days: 30}
"""


def now() -> datetime:
    """The clock of all commands."""
    return datetime.now(UTC)


def actor() -> str:
    """Who does it: the account of the shell."""
    return f"cli:{os.environ.get('USER') or os.environ.get('LOGNAME') or 'unknown'}"


@contextmanager
def engage() -> Iterator[Connection]:
    """A connection to a migrated Engage DB. Raises NotMigrated."""
    check_migrated()
    with another_session() as db:
        yield db


def another_session() -> Connection:
    """One more connection to the Engage DB."""
    return connect_engage(application="engage console", autocommit=True)


def check_migrated() -> None:
    """Raises NotMigrated unless the Engage DB is at the newest revision."""
    with connect_engage(application="engage console"):
        pass  # says clearly when it cannot be reached
    found, needed = migrate.current_revision(database_url("engage")), migrate.newest_revision()
    if found != needed:
        raise NotMigrated(
            f"The Engage DB is {'empty' if found is None else f'at revision {found}'}, this version needs {needed}. "
            "Run `engage db upgrade`."
        )


def prepare_dagster() -> Path:
    """Sets DAGSTER_HOME and the storage's address for this process and its children; returns the home."""
    settings = load_settings()
    home = settings.engage_home.resolve() / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists() or config.read_text() != DAGSTER_YAML:
        config.write_text(DAGSTER_YAML)
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"
    # dagster-postgres needs psycopg2's dialect by name under SQLAlchemy 2.1
    os.environ["ENGAGE_DAGSTER_URL"] = sqlalchemy_url(database_url("dagster", settings), driver="psycopg2")
    return home
