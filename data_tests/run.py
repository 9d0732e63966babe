"""Runs suites of Great Expectations against the Engage DB, and says in words what is wrong."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

from psycopg import Connection, sql

from data_tests.suites import SUITES, Suite
from engage_db.connection import connect

__all__ = ["SUITES", "Failure", "SuiteResult", "run_suite", "run_suites"]

SAMPLE = 5
DETAILS = {
    "result_format": "SUMMARY",
    "partial_unexpected_count": SAMPLE,
    "return_unexpected_index_query": True,
}


@dataclass(frozen=True)
class Failure:
    """An expectation that was not met, or that could not be asked: that is critical whatever its severity."""

    expectation: str
    severity: str
    words: str
    unexpected_count: int | None = None
    unexpected_percent: float | None = None
    sample: list[Any] = field(default_factory=list)
    query: str | None = None


@dataclass(frozen=True)
class SuiteResult:
    """What a suite said. It passes unless something critical failed."""

    suite: str
    expectations: int
    failures: list[Failure] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return self.problem is None

    @property
    def problem(self) -> str | None:
        """One sentence of all that is critical; None when it passed."""
        words = [failure.words for failure in self.failures if failure.severity == "critical"]
        return "; ".join(dict.fromkeys(words)) or None

    def failures_as_json(self) -> list[dict[str, Any]]:
        return [asdict(failure) for failure in self.failures]


def run_suite(url: str, name: str) -> SuiteResult:
    """The result of one suite. Several cost less in one call of `run_suites`."""
    return run_suites(url, [name])[0]


def run_suites(url: str, names: Sequence[str]) -> list[SuiteResult]:
    """The results of suites, in their order. Loads Great Expectations on the first call (2 to 5 s).

    Reads only. Raises DatabaseUnreachable.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # it is read on import
    database = partial(
        connect,
        url,
        setting="ENGAGE_DATABASE_URL",
        application="engage data tests",
        autocommit=True,  # no transaction stays open over the tables that a build swaps
        default_transaction_read_only="on",
        statement_timeout="10min",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with database() as db:
            source = _source(database)
            return [_run(source, db, SUITES[name]) for name in names]


def _source(database: Callable[[], Connection]) -> Any:
    """The library's view of the database. It gets connections, not the URL: it cannot tell the password."""
    import great_expectations as gx  # noqa: PLC0415 - slow to import
    from great_expectations.data_context.types.base import ProgressBarsConfig  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context.data_sources.add_sql(
        "engage",
        connection_string="postgresql+psycopg://localhost/engage",
        kwargs={"creator": database, "poolclass": NullPool},
    )


def _run(source: Any, db: Connection, suite: Suite) -> SuiteResult:
    """First only whether each expectation holds, which reads little; then the details of those that do not."""
    from great_expectations import ExpectationSuite  # noqa: PLC0415

    expectations = import_module(f"data_tests.{suite.name}").expectations()
    try:
        # a table and not a query: of a query the library would fetch every row to learn its columns
        asset = source.add_table_asset(suite.name, table_name=suite.table, schema_name=suite.schema)
        batch = asset.add_batch_definition_whole_table("all").get_batch()
        whole = ExpectationSuite(name=suite.name, expectations=expectations)
        results = batch.validate(whole, result_format="BOOLEAN_ONLY").results
        failed = {result.expectation_config.description for result in results if not result.success}
        details = {**DETAILS, "unexpected_index_column_names": [suite.key]}
        failures = [
            _failure(one, batch.validate(one, result_format=details), db)
            for one in expectations
            if one.description in failed
        ]
    except Exception as error:  # noqa: BLE001 - whatever keeps a suite from running blocks like a failed one
        failures = [_could_not_run(suite.name, str(error))]
    return SuiteResult(suite.name, len(expectations), [failure for failure in failures if failure])


def _failure(expectation: Any, result: Any, db: Connection) -> Failure | None:
    if result.success:
        return None  # it was mended meanwhile
    error = _exception(result.exception_info)
    if error:
        return _could_not_run(expectation.expectation_type, error)
    found = result.result
    query = getattr(expectation, "unexpected_rows_query", None)
    if query:
        few = sql.SQL("select * from ({}) as found limit {}").format(sql.SQL(query), SAMPLE)
        rows: list[Any] = db.execute(few).fetchall()
    else:
        query = found.get("unexpected_index_query")
        keys = found.get("unexpected_index_column_names", [])
        rows = [[row[key] for key in keys] for row in found.get("partial_unexpected_index_list") or []]
    sample = [_plain(row) for row in rows]
    count = found.get("unexpected_count")
    percent = found.get("unexpected_percent_total", found.get("unexpected_percent"))
    words = expectation.description.format(
        count=f"{count or 0:,}",
        percent=f"{percent or 0:.3g} %",
        observed=f"{found.get('observed_value') or 0:.1%}",
        sample=", ".join(map(str, sample)),
    )
    return Failure(
        expectation.expectation_type,
        expectation.severity.value,
        words,
        count,
        percent,
        sample,
        " ".join(query.split()) if query else None,
    )


def _could_not_run(expectation: str, error: str) -> Failure:
    said = re.search(r"\(psycopg\.errors\.\w+\) (.+)", error) or re.match(r"(?:Error: )?(.*)", error.strip())
    reason = said[1][:200] if said else ""
    return Failure(expectation, "critical", f"check could not run: {_masked(reason)}")


def _exception(info: dict[str, Any]) -> str | None:
    """What was raised; the library nests it by metric."""
    for entry in (info, *(value for value in info.values() if isinstance(value, dict))):
        if entry.get("raised_exception"):
            return str(entry.get("exception_message"))
    return None


def _plain(row: Sequence[Any]) -> Any:
    """The key of a row, fit for JSON."""
    values = [value if isinstance(value, int) else _masked(str(value)) for value in row]
    return values[0] if len(values) == 1 else values


def _masked(text: str) -> str:
    """The text without the names in its mail addresses."""
    return re.sub(r"[^\s@'\"(,;:=]+@(?=[^\s@]+)", "…@", text)
