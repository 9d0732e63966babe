"""engage campaign: create, list, launch, status, pause, resume, cancel."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from zoneinfo import ZoneInfo

import typer

from activation.automations.cron import in_words, zone
from activation.campaigns import commands, runs
from activation.campaigns.commands import Campaign
from activation.errors import Refused
from console.environment import actor, engage, now
from console.output import console, print_json, print_table
from engage_db.settings import load_settings

app = typer.Typer(no_args_is_help=True)

Json = typer.Option(False, "--json")


@app.command()
def create(
    name: str,
    segment: str = typer.Option(..., help="key of a segment: `engage segment list`"),
    template: str = typer.Option(..., help="key of a template"),
    at: str = typer.Option(
        None, help="a broadcast's time, e.g. '2026-12-01 09:00' in the time zone; left out: at its launch"
    ),
    cron: str = typer.Option(None, help="an automation's times, e.g. '0 9 * * 1'"),
    time_zone: str = typer.Option(None, help="IANA name; the workspace's by default"),
    key: str = typer.Option(None, help="made of the name by default"),
    json: bool = Json,
) -> None:
    """Makes a draft: a broadcast, or with --cron a recurring automation."""
    zone_name = time_zone or load_settings().workspace_time_zone
    with engage() as db:
        made = commands.create(
            db, name=name, segment=segment, template=template, at=_moment(at, zone_name) if at else None, cron=cron,
            time_zone=zone_name, key=key, actor=actor(), now=now(),
        )  # fmt: skip
    _say(made, json, f"{made.key} is a draft. `engage campaign launch {made.key}` sends it on its way.")


@app.command("list")
def list_all(json: bool = Json) -> None:
    """All campaigns, newest first."""
    with engage() as db:
        found = commands.list_campaigns(db)
    if json:
        print_json({"campaigns": [asdict(campaign) for campaign in found]})
    elif not found:
        console.print("No campaign yet. `engage campaign create` makes one.")
    else:
        rows = [(c.key, c.kind, c.state, c.segment, c.template, _when(c)) for c in found]
        print_table("", ["campaign", "kind", "state", "segment", "template", "next"], rows)


@app.command()
def launch(key: str, json: bool = Json) -> None:
    """Draft -> scheduled. A broadcast without a time is due at once: `engage run` or `engage up` sends it."""
    with engage() as db:
        campaign = commands.launch(db, key, now=now())
    _say(campaign, json, f"{key} is scheduled for {_when(campaign)}.")


@app.command()
def status(key: str, json: bool = Json) -> None:
    """Its state, its messages by state, and who was left out and why."""
    with engage() as db:
        campaign = commands.find(db, key)
        states, skips = runs.state_counts(db, key), runs.skip_counts(db, key)
        problems = runs.problems(db, key)
    if json:
        print_json({"campaign": asdict(campaign), "messages": states, "skipped": skips, "problems": problems})
        return
    console.print(f"[bold]{campaign.name}[/] ({campaign.kind}) is [bold]{campaign.state}[/], next: {_when(campaign)}")
    print_table(
        "",
        ["messages", "count"],
        [*states.items(), *((f"  left out: {reason}", n) for reason, n in skips.items())],
    )
    for problem in problems:
        console.print(f"! {problem}", markup=False)


@app.command()
def pause(key: str, json: bool = Json) -> None:
    """Nothing more leaves until it is resumed."""
    with engage() as db:
        campaign = commands.pause(db, key, now=now())
    _say(campaign, json, f"{key} is paused.")


@app.command()
def resume(key: str, json: bool = Json) -> None:
    """Goes on where it stopped."""
    with engage() as db:
        campaign = commands.resume(db, key, now=now())
    _say(campaign, json, f"{key} is {campaign.state} again.")


@app.command()
def cancel(key: str, json: bool = Json) -> None:
    """For good. What is queued is not sent."""
    with engage() as db:
        campaign = commands.cancel(db, key, now=now())
    _say(campaign, json, f"{key} is cancelled.")


def _say(campaign: Campaign, json: bool, words: str) -> None:
    if json:
        print_json({"campaign": asdict(campaign)})
    else:
        console.print(words, markup=False)


def _moment(text: str, zone_name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text!r} is no time. Write it as '2026-12-01 09:00'.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone(zone_name))


def _when(campaign: Campaign) -> str:
    if campaign.next_run_at is None:
        return "-"
    local = campaign.next_run_at.astimezone(ZoneInfo(campaign.time_zone))
    cadence = f", then {in_words(campaign.cron, campaign.time_zone)}" if campaign.cron else f" {campaign.time_zone}"
    return f"{local:%Y-%m-%d %H:%M}{cadence}"
