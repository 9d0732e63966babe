"""Runs suites of Great Expectations against the Engage DB, and says in words what is wrong."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import Any

from data_tests.suites import SUITES, Suite
from engage_db.connection import sqlalchemy_url


@dataclass(frozen=True)
class Failure:
    """An expectation that was not met, or (`could_not_run`) not even asked."""

    words: str
    severity: str
    unexpected_count: int | None = None
    could_not_run: bool = False


@dataclass(frozen=True)
class SuiteResult:
    """What a suite said. It passes unless a critical expectation failed or could not run."""

    suite: str
    expectations: int
    failures: list[Failure] = field(default_factory=list)

    @property
    def grave(self) -> list[Failure]:
        return [failure for failure in self.failures if failure.could_not_run or failure.severity == "critical"]

    @property
    def passed(self) -> bool:
        return not self.grave

    @property
    def problem(self) -> str | None:
        """One sentence of all that is grave; None when it passed."""
        return "; ".join(failure.words for failure in self.grave) or None

    def failures_as_json(self) -> list[dict[str, Any]]:
        return [asdict(failure) for failure in self.failures]


def run_suites(url: str, names: Sequence[str]) -> list[SuiteResult]:
    """The results of suites, in the order of their names. Loads Great Expectations on the first call (about 2 s)."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx  # noqa: PLC0415 - slow to import
        from great_expectations.data_context.types.base import ProgressBarsConfig  # noqa: PLC0415
        from sqlalchemy.pool import NullPool  # noqa: PLC0415

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        source = context.data_sources.add_sql(
            "engage", connection_string=sqlalchemy_url(url).replace("%", "%%"), kwargs={"poolclass": NullPool}
        )
        return [_run(gx, source, SUITES[name]) for name in names]


def _run(gx: Any, source: Any, suite: Suite) -> SuiteResult:
    expectations = import_module(f"data_tests.{suite.name}").expectations()
    try:
        asset = source.add_table_asset(suite.name, table_name=suite.table, schema_name=suite.schema)
        batch = asset.add_batch_definition_whole_table("all").get_batch()
        result = batch.validate(gx.ExpectationSuite(name=suite.name, expectations=expectations))
    except Exception as error:  # noqa: BLE001 - whatever keeps a test from running blocks like a failed one
        first_line = str(error).strip().splitlines()[0][:200]
        return SuiteResult(
            suite.name,
            len(expectations),
            [Failure(f"it could not run: {first_line}", "critical", could_not_run=True)],
        )
    failures = [_failure(one) for one in result.results if not one.success]
    return SuiteResult(suite.name, len(expectations), failures)


def _failure(result: Any) -> Failure:
    config = result.expectation_config
    severity = (
        str(getattr(config, "severity", None) or config.kwargs.get("severity") or "critical").rsplit(".", 1)[-1].lower()
    )
    raised = _exception(result.exception_info or {})
    if raised:
        return Failure(f"it could not run: {raised}", severity, could_not_run=True)
    count = result.result.get("unexpected_count")
    if count is None:
        count = result.result.get("observed_value") if config.type == "unexpected_rows_expectation" else None
    count = count if isinstance(count, int) else None
    words = config.description or _in_words(config, result.result)
    return Failure(
        words if count is None else f"{words} ({count:,}{'+' if count == MOST_COUNTED else ''})",
        severity,
        count,
    )


MOST_COUNTED = 20  # rule queries stop there


def _in_words(config: Any, result: dict[str, Any]) -> str:
    rule = config.type.removeprefix("expect_").replace("_", " ")
    column = config.kwargs.get("column")
    observed = result.get("observed_value")
    return f"{column or 'the table'}: {rule}" + (f", but it is {observed}" if observed is not None else "")


def _exception(info: dict[str, Any]) -> str | None:
    """The first line of what was raised; GX nests it by metric."""
    nested = [info, *(value for value in info.values() if isinstance(value, dict))]
    for entry in nested:
        if entry.get("raised_exception"):
            return str(entry.get("exception_message") or "unknown").strip().splitlines()[0][:200]
    return None
