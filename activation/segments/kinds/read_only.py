"""The role that other people's SQL and functions run as: it may read the public dbt schemas and nothing else.

A login of its own, because a statement could leave a role that was only set. Its connections live for one statement.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import Connection, sql

from activation.segments.kinds.contract import MembersUnavailable
from engage_db import named_sql
from engage_db.connection import database_url
from engage_db.settings import Settings, load_settings

SQL = named_sql.load(__file__)

PUBLIC_SCHEMAS = ("core", "profiles", "features", "scores", "segments", "marts")


@contextmanager
def reader(db: Connection, *, seconds: float) -> Iterator[Connection]:
    """A short-lived read-only connection of the role, with limits that the server keeps. Raises MembersUnavailable."""
    limits = {
        "default_transaction_read_only": "on",
        "statement_timeout": f"{int(seconds * 1000)}ms",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": f"{int(seconds * 1000)}ms",
        "work_mem": "128MB",
        "jit": "off",
        "search_path": "pg_catalog",
        "timezone": "UTC",
    }
    options = " ".join(f"-c {name}={value}" for name, value in limits.items())
    try:
        connection = psycopg.connect(
            reader_url(db), options=options, application_name="engage segment", connect_timeout=10
        )
    except psycopg.Error as error:
        raise MembersUnavailable(f"cannot read as its own role: {str(error).strip().splitlines()[-1]}") from None
    try:
        yield connection
    finally:
        connection.close()


def reader_url(db: Connection) -> str:
    """The connection URL of the role on the database of `db`. Makes the role, or grants it what dbt has built since.

    Raises MembersUnavailable, with what to do, where this installation may not create roles.
    """
    settings = load_settings()
    if given := settings.segment_sql_database_url:
        return given
    role, password = role_of(db.info.dbname), _password(settings)
    url = _as_role(role, password, db, database_url("engage", settings))
    try:
        if not _is_ready(db, role) or not _logs_in(url):
            # on a connection of its own: the caller may be in a transaction, and the role must be there before that ends
            with psycopg.connect(db.info.dsn, password=db.info.password) as own:
                _make(own, role, password)
    except psycopg.errors.InsufficientPrivilege:
        raise MembersUnavailable(
            "SQL and function segments read as a role of their own, which this installation may not create. Let the owner of "
            "the server create a role that can only read the schemas core, profiles, segments and marts, and set "
            "SEGMENT_SQL_DATABASE_URL to a URL with it."
        ) from None
    return url


def role_of(database: str) -> str:
    """One role per database: several on a server do not get in each other's way."""
    return f"engage_reader_{hashlib.sha256(database.encode()).hexdigest()[:12]}"


def _is_ready(db: Connection, role: str) -> bool:
    row = db.execute(SQL.is_ready, {"role": role, "schemas": list(PUBLIC_SCHEMAS)}).fetchone()
    return row is not None and bool(row[0])


def _logs_in(url: str) -> bool:
    """False after SECRET_KEY changed: the password is made of it."""
    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.OperationalError:
        return False
    return True


def _make(db: Connection, role: str, password: str) -> None:
    db.execute(SQL.lock)
    name, database = sql.Identifier(role), sql.Identifier(db.info.dbname)
    if db.execute(SQL.role_exists, {"role": role}).fetchone() is None:
        db.execute(sql.SQL("create role {} login noinherit").format(name))
    db.execute(sql.SQL("alter role {} password {} connection limit 20").format(name, sql.Literal(password)))
    db.execute(sql.SQL("alter role {} set default_transaction_read_only = on").format(name))
    if db.execute(SQL.is_superuser).fetchone() == (True,):
        db.execute(sql.SQL("alter role {} set temp_file_limit = '4GB'").format(name))
    db.execute(sql.SQL("revoke temporary on database {} from public").format(database))
    for (schema,) in db.execute(SQL.public_schemas, {"schemas": list(PUBLIC_SCHEMAS)}).fetchall():
        of = sql.Identifier(schema)
        db.execute(sql.SQL("grant usage on schema {} to {}").format(of, name))
        db.execute(sql.SQL("grant select on all tables in schema {} to {}").format(of, name))
        db.execute(sql.SQL("alter default privileges in schema {} grant select on tables to {}").format(of, name))


def _password(settings: Settings) -> str:
    """The same on every machine that shares SECRET_KEY; nobody needs to know or keep it."""
    return hmac.new(settings.signing_secret().encode(), b"segment reader", hashlib.sha256).hexdigest()


def _as_role(role: str, password: str, db: Connection, url: str) -> str:
    parts = urlsplit(url)
    host = db.info.host if db.info.host and not db.info.host.startswith("/") else (parts.hostname or "localhost")
    return urlunsplit(
        ("postgresql", f"{role}:{password}@{host}:{db.info.port}", f"/{quote(db.info.dbname)}", parts.query, "")
    )
