"""engage campaign: from the draft to its end, and what became of it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from zoneinfo import ZoneInfo

import typer

from activation.automations.cron import in_words, zone
from activation.campaigns import commands, runs
from activation.campaigns.audience import Policy
from activation.campaigns.commands import Campaign
from activation.campaigns.rules import DEFAULTS
from activation.errors import Refused
from console import campaign_rules as options
from console.environment import actor, engage, now
from console.output import console, print_json, print_table
from engage_db.settings import load_settings

app = typer.Typer(no_args_is_help=True)

Json = typer.Option(False, "--json")


@app.command()
def create(
    name: str,
    segment: str = typer.Option(
        None, help="key of a segment: `engage segment list`; left out: triggered, for one contact at a time"
    ),
    template: str = typer.Option(..., help="key of a template: `engage template list`"),
    at: str = typer.Option(
        None, help="a broadcast's time, e.g. '2026-12-01 09:00' in the time zone; left out: at its launch"
    ),
    cron: str = typer.Option(None, help="an automation's times, e.g. '0 9 * * 1'"),
    time_zone: str = typer.Option(None, help="IANA name; the workspace's by default"),
    key: str = typer.Option(None, help="made of the name by default"),
    topic: str = options.TOPIC,
    priority: int = options.PRIORITY,
    per_minute: int = options.PER_MINUTE,
    ignore_caps: bool = options.IGNORE_CAPS,
    count_caps: bool = options.COUNT_CAPS,
    holdout: float = options.HOLDOUT,
    exclude: list[str] = options.EXCLUDE,
    quiet: str = options.QUIET,
    window: str = options.WINDOW,
    days: str = options.DAYS,
    deadline: int = options.DEADLINE,
    json: bool = Json,
) -> None:
    """Makes a draft: a broadcast, with --cron a recurring automation, without --segment a triggered one."""
    zone_name = time_zone or load_settings().workspace_time_zone
    rules = options.changed(
        DEFAULTS, topic=topic, priority=priority, per_minute=per_minute, ignore_caps=ignore_caps, count_caps=count_caps,
        holdout=holdout, exclude=exclude, quiet=quiet, window=window, days=days, deadline=deadline,
    )  # fmt: skip
    with engage() as db:
        made = commands.create(
            db, name=name, segment=segment, template=template, at=_moment(at, zone_name) if at else None, cron=cron,
            time_zone=zone_name, key=key, actor=actor(), now=now(), rules=rules,
        )  # fmt: skip
    _say(
        made,
        json,
        f"{made.key} is a draft. `engage campaign dry-run {made.key}` rehearses it, `launch` sends it on its way.",
    )


@app.command()
def update(
    key: str,
    name: str = typer.Option(None),
    segment: str = typer.Option(None),
    template: str = typer.Option(None),
    at: str = typer.Option(None),
    cron: str = typer.Option(None),
    time_zone: str = typer.Option(None),
    topic: str = options.TOPIC,
    priority: int = options.PRIORITY,
    per_minute: int = options.PER_MINUTE,
    ignore_caps: bool = options.IGNORE_CAPS,
    count_caps: bool = options.COUNT_CAPS,
    holdout: float = options.HOLDOUT,
    exclude: list[str] = options.EXCLUDE,
    quiet: str = options.QUIET,
    window: str = options.WINDOW,
    days: str = options.DAYS,
    deadline: int = options.DEADLINE,
    json: bool = Json,
) -> None:
    """Changes a draft or a scheduled campaign; what is left out stays."""
    with engage() as db:
        campaign = commands.find(db, key)
        rules = options.changed(
            campaign.rules, topic=topic, priority=priority, per_minute=per_minute, ignore_caps=ignore_caps, count_caps=count_caps,
            holdout=holdout, exclude=exclude, quiet=quiet, window=window, days=days, deadline=deadline,
        )  # fmt: skip
        campaign = commands.update(
            db, key, now=now(), name=name, segment=segment, template=template, cron=cron, time_zone=time_zone, rules=rules,
            at=_moment(at, time_zone or campaign.time_zone) if at else None,
        )  # fmt: skip
    _say(campaign, json, f"{key} is changed.")


@app.command()
def clone(key: str, name: str, json: bool = Json) -> None:
    """A draft like another campaign, under a new name."""
    with engage() as db:
        campaign = commands.clone(db, key, name=name, actor=actor(), now=now())
    _say(campaign, json, f"{campaign.key} is a draft like {key}.")


@app.command()
def throttle(
    key: str, per_minute: int = typer.Option(None, help="left out: no throttle any more"), json: bool = Json
) -> None:
    """Another pace, also while it is being sent."""
    with engage() as db:
        campaign = commands.throttle(db, key, messages_per_minute=per_minute, now=now())
    _say(campaign, json, f"{key} sends {per_minute or 'any number of'} messages a minute.")


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
        rows = [(c.key, c.kind, c.state, c.segment or "", c.template, _when(c)) for c in found]
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


@app.command("dry-run")
def dry_run(key: str, samples: int = typer.Option(10, min=0, max=100), json: bool = Json) -> None:
    """Who would get it, who is left out and why, how long it takes, and mails as they would leave. Nothing is sent."""
    from activation.campaigns.dry_run import dry_run as rehearse
    from activation.delivery.configure import delivery_from

    settings = load_settings()
    delivery = delivery_from(settings, now)
    with engage() as db:
        found = rehearse(
            db, key, composer=delivery.composer, sender=settings.mail_from, channels=delivery.channels,
            policy=Policy(settings.workspace_time_zone, settings.unknown_consent_counts), now=now(), samples=samples,
        )  # fmt: skip
    if json:
        print_json(found)
        return
    console.print(
        f"[bold]{found.queued:,}[/] of {found.targeted:,} would get it, {found.later:,} of them later, in their hours."
    )
    print_table("", ["left out", "contacts"], sorted(found.skipped.items()))
    takes = f"about {found.duration}".split(".")[0] if found.duration else "as long as this machine needs"
    console.print(f"It takes {takes}; what sets the pace is {found.slowest}.", markup=False)
    print_table(
        "",
        ["sample", "to", "subject"],
        [(mail.contact_id, mail.address, mail.problem or mail.subject) for mail in found.samples],
    )
    for problem in found.problems:
        console.print(f"! {problem}", markup=False)


@app.command("why")
def explain(key: str, contact: int, json: bool = Json) -> None:
    """Why a contact got it, or did not."""
    from activation.campaigns.why import why

    with engage() as db:
        answer = why(db, key, contact, now=now())
    if json:
        print_json(answer)
        return
    console.print(answer.sentence, markup=False)
    for fact in answer.facts:
        console.print(f"  {fact}", markup=False)


@app.command("trigger")
def trigger_now(
    key: str,
    contact: list[int] = typer.Argument(help="one contact or several"),
    trigger_key: str = typer.Option(None, "--key", help="your own: asked twice with it, it is sent once"),
    json: bool = Json,
) -> None:
    """A triggered campaign's message to a contact, now. `engage worker` sends it."""
    from activation.campaigns.trigger import trigger

    settings = load_settings()
    with engage() as db:
        report = trigger(
            db, key, contact, sender=settings.mail_from, provider=settings.mail_provider, now=now(), trigger_key=trigger_key,
            policy=Policy(settings.workspace_time_zone, settings.unknown_consent_counts),
        )  # fmt: skip
    if json:
        print_json(report)
    else:
        print_table("" if report.is_new else "asked before", ["contact", ""], list(report.outcome.items()))


@app.command("dead")
def dead_letters(json: bool = Json) -> None:
    """Messages whose fate nobody knows, with the provider's words."""
    from activation.delivery.dead_letters import list_dead

    with engage() as db:
        found = list_dead(db)
    if json:
        print_json({"dead_letters": [asdict(letter) for letter in found]})
    elif not found:
        console.print("There is no dead letter.")
    else:
        columns = ["message", "campaign", "contact", "state", "through", "attempts", "words"]
        print_table("", columns, [
            (dead.message_id, dead.campaign, dead.contact_id, dead.state, dead.provider, dead.attempts, dead.words or dead.reason)
            for dead in found
        ])  # fmt: skip


@app.command()
def requeue(
    message: list[int] = typer.Argument(help="numbers of `engage campaign dead`"),
    accept_doubles: bool = typer.Option(False, help="also those that may have arrived already"),
    json: bool = Json,
) -> None:
    """Sends dead letters again: under their old key while the provider knows it, which doubles nothing."""
    from activation.delivery import dead_letters as letters

    with engage() as db:
        report = letters.requeue(db, message, actor=actor(), now=now(), accept_doubles=accept_doubles)
    if json:
        print_json({"requeued": report.requeued, **asdict(report)})
        return
    console.print(f"{report.same_key} go again under their old key, {report.new_key} under a new one.")
    for number, words in report.refused.items():
        console.print(f"! {number}: {words}", markup=False)


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
