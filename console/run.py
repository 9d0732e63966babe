"""engage run and engage build."""

from __future__ import annotations

import typer

from console.environment import check_migrated, engage
from console.loop import LoopReport, run_job
from console.output import console, errors, print_json, print_table


def run(json: bool = typer.Option(False, "--json")) -> None:
    """The loop once, through Dagster's assets. What an earlier run left unfinished is finished."""
    check_migrated()
    finish(run_job("loop", quiet=json), json)


def build(json: bool = typer.Option(False, "--json")) -> None:
    """Builds the dbt models, tests them, refreshes the segments and the figures."""
    check_migrated()
    finish(run_job("build", quiet=json), json)


def finish(report: LoopReport, json: bool) -> None:
    """Prints what a run did; leaves with exit code 1 when something failed."""
    facts = summary()
    if json:
        print_json({"succeeded": report.succeeded, "seconds": report.seconds, "failures": report.failures, **facts})
    else:
        print_report(report, facts)
    if not report.succeeded:
        raise typer.Exit(1)


def print_report(report: LoopReport, facts: dict[str, object]) -> None:
    """The closing table."""
    print_table("", ["step", "seconds"], list(report.seconds.items()))
    messages, segments = facts["messages"], facts["segments"]
    assert isinstance(messages, dict)
    assert isinstance(segments, dict)
    listed = ", ".join(f"{count:,} {state}" for state, count in messages.items()) or "none yet"
    console.print(
        f"\n{facts['contacts']:,} contacts · {facts['events']:,} events · {len(segments)} segments · messages: {listed}"
    )
    for failure in report.failures:
        errors.print(f"✗ {failure}", markup=False, style="red", soft_wrap=True)


def summary() -> dict[str, object]:
    """What the Engage DB holds: contacts, events, members by segment, messages by state."""
    with engage() as db:
        counts = {}
        for name, schema in (("contacts", "core"), ("events", "core")):
            exists = db.execute("select to_regclass(%s) is not null", [f"{schema}.{name}"]).fetchone()
            row = db.execute(f"select count(*) from {schema}.{name}").fetchone() if exists and exists[0] else None
            counts[name] = row[0] if row else 0
        segments = dict(
            db.execute("select key, coalesce(size, 0) from engage.segments where is_active order by key").fetchall()
        )
        messages = dict(
            db.execute("select state, count(*) from engage.campaign_messages group by 1 order by 1").fetchall()
        )
    return {**counts, "segments": segments, "messages": messages}
