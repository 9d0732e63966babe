"""engage event: publishing events of other systems."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from console.environment import engage, now
from console.output import console, print_json

app = typer.Typer(no_args_is_help=True)


@app.callback()
def events() -> None:
    """Events that other systems publish."""


@app.command()
def publish(
    file: Path = typer.Argument(help="JSON Lines, one event each; - for standard input"),
    json: bool = typer.Option(False, "--json"),
) -> None:
    """Stores events: {"id": "…", "contact_id": 1, "name": "page_viewed", "occurred_at": "2026-03-01T10:00:00Z", "properties": {}}."""
    from pydantic import ValidationError

    from activation.errors import Refused
    from activation.events.publish import PublishedEvent
    from activation.events.publish import publish as store

    lines = (sys.stdin.read() if str(file) == "-" else file.read_text()).splitlines()
    told, problems = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            told.append(PublishedEvent.model_validate_json(line))
        except ValidationError as error:
            problems += [
                f"  line {number}, {'.'.join(map(str, found['loc'])) or 'event'}: {found['msg']}"
                for found in error.errors(include_url=False, include_input=False)
            ]
    if problems:
        raise Refused("\n".join(["Nothing was stored. These events cannot be read:", *problems[:20]]))
    with engage() as db:
        report = store(db, told, now=now())
    if json:
        print_json(report)
    else:
        console.print(f"{report.accepted:,} events stored, {report.known:,} were known already.")
