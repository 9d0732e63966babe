"""The `sql` kind: one SELECT that a person wrote, parsed before it runs and run as a role that can only read."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import psycopg
import sqlglot
from psycopg import Connection, sql
from sqlglot import exp
from sqlglot.errors import SqlglotError

from activation.segments.catalogue import Catalogue
from activation.segments.kinds.contract import Members, MembersUnavailable
from activation.segments.kinds.functions import ALLOWED_FUNCTIONS
from activation.segments.kinds.read_only import PUBLIC_SCHEMAS, reader
from activation.segments.problems import Problem
from engage_db.settings import load_settings

LONGEST = 100_000
BATCH = 10_000


class SqlQueryKind:
    """Definition: `sql`, one SELECT over the public schemas with a column contact_id."""

    def validate(self, definition: Mapping[str, Any], _catalogue: Catalogue) -> list[Problem]:
        unknown = sorted(definition.keys() - {"sql"})
        problems = [Problem(name, "is not known here: an SQL segment takes only sql") for name in unknown]
        return problems + check_select(definition.get("sql"))

    def members(
        self,
        db: Connection,
        definition: Mapping[str, Any],
        _catalogue: Catalogue,
        *,
        segment_id: int | None,
        at: datetime,
    ) -> Members:
        del segment_id, at
        return read_members(db, str(definition["sql"]))


def read_members(db: Connection, statement: str) -> Members:
    """Runs a SELECT as the reader, its ids brought to a temporary table of `db`; those who are no contacts are left out.

    Raises MembersUnavailable when it is refused, fails, takes too long or returns too many rows.
    """
    if problems := check_select(statement):
        raise MembersUnavailable("; ".join(problem.message for problem in problems))
    settings = load_settings()
    with reader(db, seconds=settings.segment_sql_timeout_seconds) as connection:
        watchdog = threading.Timer(settings.segment_sql_timeout_seconds + 1, connection.cancel_safe)
        watchdog.start()
        try:
            return take_ids(db, _stream(connection, statement), settings.segment_sql_row_limit)
        except psycopg.errors.QueryCanceled:
            raise MembersUnavailable(
                f"it took longer than {settings.segment_sql_timeout_seconds:g} seconds and was stopped"
            ) from None
        except psycopg.Error as error:
            raise MembersUnavailable(f"Postgres says: {str(error).strip().splitlines()[0]}") from None
        finally:
            watchdog.cancel()


def take_ids(db: Connection, ids: Iterable[object], limit: int) -> Members:
    """Ids into a temporary table of the caller's transaction. Raises MembersUnavailable beyond the limit or for what is no id."""
    db.execute("drop table if exists pg_temp.foreign_ids")
    db.execute("create temp table foreign_ids (contact_id bigint) on commit drop")
    with db.cursor().copy("copy pg_temp.foreign_ids (contact_id) from stdin (format binary)") as copy:
        copy.set_types(["bigint"])
        for number, each in enumerate(ids, 1):
            if number > limit:
                raise MembersUnavailable(f"it returns more than {limit:,} rows")
            if isinstance(each, bool) or not isinstance(each, int) or not -(2**63) <= each < 2**63:
                raise MembersUnavailable(f"it returns {each!r}, which is no contact id")
            copy.write_row((each,))
    return Members(
        sql.SQL(
            "select ids.contact_id from pg_temp.foreign_ids ids join profiles.contact_profiles profile using (contact_id)"
        )
    )


def _stream(connection: Connection, statement: str) -> Iterator[object]:
    """One statement, prepared: the protocol then takes no second one. Read as it comes, never held whole."""
    wrapped = sql.SQL("select contact_id::bigint from ({}\n) as written where contact_id is not null").format(
        sql.SQL(statement.rstrip().rstrip(";"))  # parsed, one SELECT, run as the reader
    )
    with connection.cursor() as cursor:
        for row in cursor.stream(wrapped, (), binary=True, size=BATCH):
            yield row[0]


def check_select(statement: object) -> list[Problem]:
    """Why a text is not one harmless SELECT; empty when it is."""
    if not isinstance(statement, str) or not statement.strip():
        return [Problem("sql", "is missing: write a SELECT with a column contact_id")]
    if len(statement) > LONGEST or "\x00" in statement:
        return [Problem("sql", f"must be at most {LONGEST:,} characters without NUL")]
    try:
        parsed = [each for each in sqlglot.parse(statement, read="postgres") if each is not None]
    except (SqlglotError, RecursionError) as error:
        return [Problem("sql", f"is no SQL that can be read: {str(error).splitlines()[0]}")]
    if len(parsed) != 1 or not isinstance(parsed[0], exp.Query):
        return [Problem("sql", "must be one SELECT and nothing else")]
    return list(_problems(parsed[0]))


def _problems(query: exp.Query) -> Iterator[Problem]:
    forbidden = (
        exp.Insert,
        exp.Update,
        exp.Delete,
        exp.Merge,
        exp.Into,
        exp.Lock,
        exp.Command,
        exp.Create,
        exp.Drop,
        exp.Copy,
    )
    for node in query.find_all(*forbidden):
        yield Problem("sql", f"may only read: {node.sql('postgres')[:60]} is not allowed")
    for node in query.find_all(exp.Placeholder, exp.Parameter):
        yield Problem("sql", f"{node.sql('postgres')} stands for a value that nobody gives: write the value")
    yield from _tables(query)
    yield from _functions(query)
    names = [name.lower() for name in query.named_selects]
    if "contact_id" not in names and "*" not in names:
        yield Problem("sql", f"must return a column contact_id; it returns {', '.join(names) or 'nothing with a name'}")


def _tables(query: exp.Query) -> Iterator[Problem]:
    common = {each.alias_or_name.lower() for each in query.find_all(exp.CTE)}
    for table in query.find_all(exp.Table):
        if isinstance(table.this, exp.Func):
            continue  # a function in FROM is judged as a function
        if table.db.lower() in PUBLIC_SCHEMAS and not table.catalog:
            continue
        if not table.db and table.name.lower() in common:
            continue
        yield Problem(
            "sql",
            f"may not read {table.sql('postgres')[:80]}: write schema.table, of the schemas {', '.join(PUBLIC_SCHEMAS)}",
        )


def _functions(query: exp.Query) -> Iterator[Problem]:
    for function in query.find_all(exp.Func):
        name = (function.name if isinstance(function, exp.Anonymous) else function.sql_name()).lower()
        if isinstance(function, exp.Anonymous | exp.AnonymousAggFunc):
            if name not in ALLOWED_FUNCTIONS:
                yield Problem(
                    "sql", f"may not call {name}: it is not among the functions that are known to be harmless"
                )
        elif isinstance(function, exp.GenerateSeries):
            yield Problem("sql", "may not call generate_series: segments are made of contacts and events")
    for dotted in query.find_all(exp.Dot):
        if isinstance(dotted.expression, exp.Func):
            yield Problem("sql", f"may not call {dotted.sql('postgres')[:80]}: write functions without a schema")
    for cast_to in query.find_all(exp.Cast):
        kind = cast_to.to.sql("postgres").lower()
        if kind.startswith("reg") or kind in {"xml", "oid"}:
            yield Problem("sql", f"may not cast to {kind}")
