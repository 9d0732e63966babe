"""Segments with a pace of their own."""

import dagster as dg

from activation.segments.due import due_by_cron
from activation.segments.refresh import refresh_all
from orchestration.resources import EngageDb, now


class DueSegments(dg.Config):
    """Which segments to refresh."""

    keys: list[str]


@dg.op(description="Refreshes the named segments, those that others refer to first.")
def refresh_due_segments(context: dg.OpExecutionContext, config: DueSegments, engage_db: EngageDb) -> None:
    """One call and one report."""
    with engage_db.connect() as db:
        reports = refresh_all(db, now=now(), keys=config.keys, beside=engage_db.connect)
    for report in reports:
        if report.problem:
            context.log.warning(f"{report.key} keeps its last good membership: {report.problem}")
        else:
            context.log.info(
                f"{report.key}: {report.size:,} members, {report.entered:,} entered, {report.exited:,} left"
            )


@dg.job(name="segments_by_the_clock", description="Segments whose own hour has come.")
def segments_by_the_clock() -> None:
    """The job of the sensor."""
    refresh_due_segments()


@dg.sensor(
    job=segments_by_the_clock,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks which segments with a cron expression of their own are due.",
)
def due_segments(engage_db: EngageDb) -> dg.RunRequest | dg.SkipReason:
    """One query, one run for all that are due."""
    moment = now()
    with engage_db.connect() as db:
        keys = due_by_cron(db, now=moment)
    if not keys:
        return dg.SkipReason("No segment's own hour has come.")
    config = {"ops": {"refresh_due_segments": {"config": {"keys": keys}}}}
    return dg.RunRequest(run_key=f"segments:{moment:%Y-%m-%dT%H:%M}", run_config=config)
