"""engage demo: the whole product once, on a made-up CRM."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from activation.campaigns import commands, runs
from activation.templates.library import install_library
from console.environment import actor, check_migrated, engage, now
from console.loop import LoopReport, run_job
from console.output import console, errors, print_json, print_table
from console.run import summary
from console.services import serve, services
from demo.mutate import mutate
from demo.seed import CrmNotEmpty, seed
from engage_db import migrate
from engage_db.connection import connect, database_url
from engage_db.settings import load_settings

AUTOMATIONS = (  # name, segment, template, cron
    ("Welcome new customers", "new_customers", "welcome", "0 9 * * *"),
    ("Win back", "win_back", "win_back", "0 10 * * 1"),
)
READING_SECONDS = 8
BROADCAST = ("Winter collection", "newsletter_subscribers", "new_collection")


def demo(
    customers: int = typer.Option(5000, min=50, max=1_000_000),
    seed_number: int = typer.Option(7, "--seed"),
    no_serve: bool = typer.Option(False, "--no-serve", help="end when it is done, instead of serving the screens"),
    json: bool = typer.Option(False, "--json", help="one JSON object at the end; does not serve"),
) -> None:
    """Start, migrate, seed, run, change the CRM, run again, send a broadcast and two automations, look at it."""
    seconds: dict[str, float] = {}
    with _step("start", seconds, json):
        database_url("engage")
    with _step("migrate", seconds, json):
        migrate.upgrade(database_url("engage"))
        check_migrated()
    with _step("seed", seconds, json):
        _seed(customers, seed_number)
    _loop("run", "loop", seconds, json)
    with _step("mutate", seconds, json), connect(database_url("crm"), setting="CRM_DATABASE_URL") as crm:
        mutate(crm, changes=max(50, customers // 25), seed=int(time.time()), now=now())
    _loop("run again", "loop", seconds, json)
    with _step("launch", seconds, json):
        launched = _launch()
    _loop("send", "campaigns", seconds, json)
    with _step("first readers", seconds, json):
        time.sleep(READING_SECONDS)  # so that opens and clicks are there to be measured
    _loop("outcomes", "outcomes", seconds, json)
    _loop("measure", "loop", seconds, json)
    facts = summary()
    if json:
        print_json({**facts, "campaigns": launched, "seconds": seconds})
        return
    _print(facts, seconds)
    if not no_serve:
        serve()


def _seed(customers: int, seed_number: int) -> None:
    with connect(database_url("crm"), setting="CRM_DATABASE_URL") as crm:
        try:
            seed(crm, customers=customers, seed=seed_number, today=now().replace(microsecond=0))
        except CrmNotEmpty:
            errors.print("  the CRM is there already: kept as it is")


def _launch() -> list[str]:
    """A broadcast, and two automations that also run once now. On a second demo the broadcast is a new one."""
    zone = load_settings().workspace_time_zone
    launched = []
    with engage() as db:
        with db.transaction():
            install_library(db, actor=actor(), now=now())
        known = {campaign.key for campaign in commands.list_campaigns(db)}
        name, segment, template = BROADCAST
        number = sum(key.startswith(commands.slug(name)) for key in known) + 1
        title = name if number == 1 else f"{name} {number}"
        made = commands.create(
            db, name=title, segment=segment, template=template, time_zone=zone, actor=actor(), now=now()
        )
        launched.append(commands.launch(db, made.key, now=now()).key)
        for name, segment, template, cron in AUTOMATIONS:
            key = commands.slug(name)
            if key not in known:
                commands.create(
                    db,
                    name=name,
                    segment=segment,
                    template=template,
                    cron=cron,
                    time_zone=zone,
                    actor=actor(),
                    now=now(),
                )
                commands.launch(db, key, now=now())
            runs.start_now(db, commands.find(db, key).campaign_id, now=now())
            launched.append(key)
    return launched


def _loop(words: str, job: str, seconds: dict[str, float], json: bool) -> LoopReport:
    with _step(words, seconds, json):
        report = run_job(job, quiet=json)
    seconds.update({f"{words}: {stage}": spent for stage, spent in report.seconds.items()})
    if not report.succeeded:
        for failure in report.failures:
            errors.print(f"✗ {failure}", markup=False, style="red")
        raise typer.Exit(1)
    return report


@contextmanager
def _step(name: str, seconds: dict[str, float], quiet: bool) -> Iterator[None]:
    started = time.monotonic()
    if not quiet:
        console.print(f"[bold]{name}[/] …")
    yield
    seconds[name] = round(time.monotonic() - started, 1)
    if not quiet:
        console.print(f"  {seconds[name]} s", style="dim")


def _print(facts: dict[str, object], seconds: dict[str, float]) -> None:
    segments, messages = facts["segments"], facts["messages"]
    assert isinstance(segments, dict)
    assert isinstance(messages, dict)
    print_table("\nSegments", ["segment", "members"], list(segments.items()))
    print_table("\nMessages", ["state", "messages"], list(messages.items()))
    whole = sum(spent for step, spent in seconds.items() if ":" not in step)
    provider = load_settings().mail_provider
    channel = "in the sandbox: nothing left this machine" if provider == "sandbox" else "sent through Resend"
    console.print(
        f"\n{facts['contacts']:,} contacts, {facts['events']:,} events, in {whole:.0f} s. Mails are {channel}."
    )
    addresses = ", ".join(f"{service.name} {service.address}" for service in services() if service.address)
    console.print(f"`engage up` serves {addresses}.")
