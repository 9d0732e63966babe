"""engage automation: run one now, outside its schedule."""

from __future__ import annotations

import typer

from activation.campaigns import commands, runs
from activation.errors import Refused
from console.environment import engage, now
from console.loop import run_job
from console.run import finish

app = typer.Typer(no_args_is_help=True)


@app.callback()
def automations() -> None:
    """Recurring automations are made by `engage campaign create --cron`."""


@app.command()
def run(
    key: str = typer.Argument(metavar="ID", help="its key or its number"),
    json: bool = typer.Option(False, "--json"),
) -> None:
    """Runs an automation now, once, besides its schedule: audience, tests, delivery."""
    with engage() as db:
        campaign = commands.find(db, commands.key_of(db, key))
        if campaign.kind != "recurring":
            raise Refused(f"{campaign.key} is a broadcast. `engage campaign launch {campaign.key}` sends it.")
        if campaign.state != "scheduled":
            raise Refused(f"{campaign.key} is {campaign.state}. Only an automation that is launched can run.")
        if not campaign.segment_size:
            raise Refused(f"The segment {campaign.segment} is empty, so nobody would get {campaign.key}.")
        runs.start_now(db, campaign.campaign_id, now=now())
    finish(run_job("campaigns", quiet=json), json)
