"""Runs a job of Dagster in this process, with a display of what is being done."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from console.environment import prepare_dagster
from console.output import errors

STAGES = {  # op name, or how it begins -> what a person calls it
    "crm__": "extract",
    "dbt_models": "build",
    "membership__": "segments",
    "segment_tables": "segments",
    "audience_snapshot": "audience",
    "engage__send_batches": "deliver",
    "landing__provider_events": "outcomes",
    "dbt_measures": "measure",
}
ORDER = ("extract", "build", "checks", "segments", "audience", "deliver", "outcomes", "measure")

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}  # the events are kept, and shown in the UI


@dataclass
class LoopReport:
    """What a run of a job did: seconds by stage, and the failures in words."""

    run_id: str
    succeeded: bool = True
    seconds: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)


def stage_of(step: str) -> str:
    """The stage that a step belongs to."""
    for prefix, stage in STAGES.items():
        if step.startswith(prefix):
            return stage
    return "checks"


def run_job(name: str, *, run_config: Mapping[str, Any] | None = None, quiet: bool = False) -> LoopReport:
    """Runs a job with the in-process executor; it shows in the Dagster UI like any other run."""
    started = time.monotonic()
    home = prepare_dagster()
    import dagster as dg

    from orchestration.definitions import defs

    report = LoopReport(run_id=str(uuid.uuid4()))
    job = defs.resolve_job_def(name)
    report.seconds["load"] = round(time.monotonic() - started, 1)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with (
        dg.DagsterInstance.get() as instance,
        Progress(*columns, console=errors, transient=True, disable=quiet) as progress,
    ):
        task = progress.add_task(name, total=len(job.graph.node_dict))
        watch = _Watch(report, progress, task)
        instance.add_event_listener(report.run_id, watch.see)
        with (home / "console.log").open("w") as log, redirect_stdout(log):  # dbt prints there
            result = job.execute_in_process(
                instance=instance,
                run_id=report.run_id,
                run_config={**QUIET, **(job.run_config or {}), **(run_config or {})},
                raise_on_error=False,
            )
    report.succeeded = result.success
    report.seconds = {stage: round(report.seconds[stage], 1) for stage in ("load", *ORDER) if stage in report.seconds}
    return report


class _Watch:
    """Reads the run's events as they come."""

    def __init__(self, report: LoopReport, progress: Progress, task: Any) -> None:
        self._report, self._progress, self._task = report, progress, task
        self._began: dict[str, float] = {}

    def see(self, entry: Any) -> None:
        event = entry.dagster_event
        if event is None or event.step_key is None:
            return
        stage = stage_of(event.step_key)
        if event.event_type_value == "STEP_START":
            self._began[event.step_key] = entry.timestamp
            self._progress.update(self._task, description=f"{stage}: {event.step_key.replace('__', ' ')}")
        elif event.event_type_value in ("STEP_SUCCESS", "STEP_FAILURE"):
            spent = entry.timestamp - self._began.get(event.step_key, entry.timestamp)
            self._report.seconds[stage] = self._report.seconds.get(stage, 0.0) + spent
            self._progress.advance(self._task)
            if event.event_type_value == "STEP_FAILURE":
                self._report.failures.append(f"{stage}: {_cause(event)}")
        elif event.event_type_value == "STEP_SKIPPED":
            self._progress.advance(self._task)
        elif event.event_type_value == "ASSET_CHECK_EVALUATION" and not event.asset_check_evaluation_data.passed:
            check = event.asset_check_evaluation_data
            words = check.description or ""
            self._report.failures.append(f"data test {check.check_name} failed {words}".strip())


def _cause(event: Any) -> str:
    """The innermost message of a step's error, or what its author said."""
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return str(error.message).strip().splitlines()[0] if error else "failed"
