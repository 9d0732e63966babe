"""One blocking asset check per suite of data_tests: what fails keeps everything after it from running."""

import dagster as dg

from activation import guard
from data_tests.suites import SUITES, Suite
from orchestration.resources import EngageDb, now


def suite_check(suite: Suite) -> dg.AssetChecksDefinition:
    """The check of a suite; its result is also stored, so that other runs heed it."""

    @dg.asset_check(
        asset=dg.AssetKey(list(suite.asset_key)),
        name=f"{suite.name}_can_be_trusted",
        description=suite.description,
        blocking=True,
    )
    def check(engage_db: EngageDb) -> dg.AssetCheckResult:
        from data_tests.run import run_suites  # noqa: PLC0415 - slow to import

        checked_at = now()
        result = run_suites(engage_db.url(), [suite.name])[0]
        with engage_db.connect() as db:
            guard.record(
                db,
                suite=suite.name,
                passed=result.passed,
                problem=result.problem,
                expectations=result.expectations,
                failures=result.failures_as_json(),
                now=checked_at,
            )
        return dg.AssetCheckResult(
            passed=result.passed,
            severity=dg.AssetCheckSeverity.ERROR,
            description=result.problem,
            metadata={
                "expectations": result.expectations,
                "failures": dg.MetadataValue.json(result.failures_as_json()),
            },
        )

    return check


quality_checks = [suite_check(suite) for suite in SUITES.values()]
