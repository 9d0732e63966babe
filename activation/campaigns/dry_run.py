"""A campaign rehearsed: the exact audience, who is left out and why, how long it takes, and mails as they would leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from psycopg import Connection

from activation import guard
from activation.automations import cron as cron_rules
from activation.campaigns import audience, commands
from activation.campaigns.audience import Policy
from activation.campaigns.runs import AUDIENCE_SUITES
from activation.channels.contract import Channel
from activation.delivery.compose import Composer, Envelope
from activation.templates import versions
from activation.templates.lint import lint
from activation.templates.render import RenderError, Version
from engage_db import named_sql

SQL = named_sql.load(__file__)

SAMPLE_MESSAGE = 0  # its links lead nowhere: no message has this number


@dataclass(frozen=True)
class Sample:
    """One mail as it would leave; `problem` where it cannot be made."""

    contact_id: int
    address: str
    subject: str = ""
    html: str = ""
    text: str = ""
    problem: str | None = None


@dataclass(frozen=True)
class DryRun:
    """What a launch now would do at `starts_at`. `later` of the queued wait for their hours; `slowest` says what sets the pace."""

    key: str
    targeted: int
    queued: int
    skipped: dict[str, int]
    later: int
    starts_at: datetime
    duration: timedelta | None
    slowest: str
    samples: list[Sample] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def dry_run(
    db: Connection,
    key: str,
    *,
    composer: Composer,
    sender: str,
    channels: Mapping[str, Channel],
    policy: Policy,
    now: datetime,
    samples: int = 10,
) -> DryRun:
    """Takes the snapshot of a campaign in a transaction that is rolled back: nothing is stored and nothing is sent.

    Hours, caps and suppressions are judged at the campaign's time; members, consent, pace and data tests are those of now.

    Raises NotFound for an unknown campaign.
    """
    campaign = commands.find(db, key)
    begins = _begins(campaign, now)
    with db.transaction(force_rollback=True):
        rules = audience.rules_of(db, campaign.campaign_id)
        audience.rehearse(db, campaign.campaign_id, rules=rules, policy=policy, now=begins)
        counts = db.execute(SQL.counts, {"begins": begins}).fetchall()
        rows = db.execute(SQL.sample, {"most": samples}).fetchall()
        pace = db.execute(SQL.pace, {"campaign_id": campaign.campaign_id}).fetchone()
        version = versions.newest(db, campaign.template)
    assert pace is not None
    per_minute, provider, requests_per_second = pace
    queued = sum(number for state, _, number, _ in counts if state == "queued")
    per_second, slowest = _pace(per_minute, channels.get(provider) if provider else None, requests_per_second)
    envelope = Envelope(0, campaign.key, campaign.name, sender, rules.message_class)
    mails = [
        _sample(composer, envelope, version, contact_id, address, tokens) for contact_id, address, _, tokens in rows
    ]
    return DryRun(
        key=key,
        targeted=sum(number for _, _, number, _ in counts),
        queued=queued,
        skipped={reason: number for state, reason, number, _ in counts if state == "skipped"},
        later=sum(held for state, _, _, held in counts if state == "queued"),
        starts_at=begins,
        duration=timedelta(seconds=queued / per_second) if per_second else None,
        slowest=slowest,
        samples=mails,
        problems=_problems(db, campaign.campaign_id, version, rules.message_class, queued, mails),
    )


def _begins(campaign: commands.Campaign, now: datetime) -> datetime:
    """When a launch now would run it: an automation at its next time, a broadcast at its own or at once."""
    if campaign.cron:
        return cron_rules.next_run(campaign.cron, campaign.time_zone, now)
    return max(campaign.next_run_at or now, now)


def _pace(
    per_minute: int | None, channel: Channel | None, requests_per_second: float | None
) -> tuple[float | None, str]:
    """Messages a second, and the words for what limits them."""
    throttle = per_minute / 60 if per_minute else None
    requests = requests_per_second or (channel.limits.requests_per_second if channel else None)
    provider = requests * channel.limits.batch_size if channel and requests else None
    if throttle is not None and (provider is None or throttle <= provider):
        return throttle, f"the campaign's throttle of {per_minute:,} messages a minute"
    if provider is not None and channel is not None:
        return provider, f"{channel.name}'s {requests:g} requests a second of {channel.limits.batch_size} messages"
    return None, "nothing: as fast as this machine can"


def _sample(
    composer: Composer,
    envelope: Envelope,
    version: Version,
    contact_id: int,
    address: str,
    tokens: Mapping[str, object] | None,
) -> Sample:
    name, _, domain = address.partition("@")
    masked = f"{name[:1]}•••@{domain}"
    try:
        mail = composer.compose(envelope, version, SAMPLE_MESSAGE, address, tokens or {})
    except RenderError as error:
        return Sample(contact_id, masked, problem=str(error))
    return Sample(contact_id, masked, mail.subject, mail.html, mail.text)


def _problems(
    db: Connection, campaign_id: int, version: Version, message_class: str, queued: int, mails: list[Sample]
) -> list[str]:
    """What a person should mend or know before the launch."""
    problems = [
        str(problem)
        for problem in lint(
            subject=version.subject, preheader=version.preheader, html=version.body_html, text=version.body_text,
            message_class=message_class,
        )
    ]  # fmt: skip
    broken = [mail for mail in mails if mail.problem]
    if broken:
        problems.append(f"{len(broken)} of {len(mails)} samples cannot be made: {broken[0].problem}.")
    if not queued:
        problems.append("Nobody would get it.")
    blocked = guard.blocked_by(db, AUDIENCE_SUITES) or audience.segments_gone(db, campaign_id)
    return [*problems, f"It would be stopped: {blocked}."] if blocked else problems
