"""/v1/campaigns and /v1/dead-letters: the same commands as `engage campaign`, as JSON."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime, time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from activation.automations.cron import zone
from activation.campaigns import commands, runs
from activation.campaigns.audience import Policy
from activation.campaigns.dry_run import dry_run as rehearse
from activation.campaigns.rules import DEFAULTS, SendingRules
from activation.campaigns.trigger import MOST_CONTACTS
from activation.campaigns.trigger import trigger as trigger_messages
from activation.campaigns.why import why as explain
from activation.delivery import dead_letters
from activation.delivery.configure import delivery_from
from engage_db.settings import Settings, load_settings
from http_api.auth import caller
from http_api.routes.segments import Caller, Db
from http_api.services import now

router = APIRouter(prefix="/v1", tags=["campaigns"], dependencies=[Depends(caller)])

LARGEST_INT = 2**31 - 1
TEN_YEARS = 10 * 366 * 24 * 60  # minutes
# what Postgres takes as text, and as a number
Word = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
Number = Annotated[int, Field(gt=0, lt=2**63)]
Pace = Annotated[int, Field(ge=1, le=LARGEST_INT)]
Minutes = Annotated[int, Field(ge=1, le=TEN_YEARS)]
Key = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Rules(_Strict):
    """How fast, when in the recipient's day, and who is left out; what is not given stays as it is."""

    topic: Word | None = None
    priority: int = Field(default=DEFAULTS.priority, ge=0, le=100)
    messages_per_minute: Pace | None = None
    ignores_caps: bool = DEFAULTS.ignores_caps
    counts_towards_caps: bool = DEFAULTS.counts_towards_caps
    holdout_percent: float = Field(default=DEFAULTS.holdout_percent, ge=0, le=100, allow_inf_nan=False)
    excluded_segments: tuple[Word, ...] = ()
    quiet_hours: tuple[time, time] | None = None
    send_window: tuple[time, time] | None = None
    window_days: tuple[int, ...] | None = None
    deadline_minutes: Minutes = DEFAULTS.deadline_minutes
    window_minutes: Minutes = DEFAULTS.window_minutes

    def upon(self, rules: SendingRules) -> SendingRules:
        """Those rules with what was given here. Raises Refused for what does not fit together."""
        return replace(rules, **{name: getattr(self, name) for name in self.model_fields_set})


class Change(_Strict):
    """What changes; `at` without an offset is in the campaign's time zone."""

    name: Word | None = None
    segment: Word | None = None
    template: Word | None = None
    at: datetime | None = None
    cron: Word | None = None
    time_zone: Word | None = None
    rules: Rules = Rules()


class NewCampaign(Change):
    """A broadcast, with `cron` an automation, without `segment` a triggered one."""

    name: Word
    template: Word
    key: Word | None = None


class Name(_Strict):
    """What the copy is called."""

    name: Word


class Throttle(_Strict):
    """The pace; null for none."""

    messages_per_minute: Pace | None


class Trigger(_Strict):
    """To whom; asked twice with the same `trigger_key`, it is sent once."""

    contact_ids: list[Number] = Field(min_length=1, max_length=MOST_CONTACTS)
    trigger_key: Word | None = None


class Requeue(_Strict):
    """Which dead letters; `accept_doubles` for those that may have arrived already."""

    message_ids: list[Number] = Field(min_length=1, max_length=10_000)
    accept_doubles: bool = False


@router.get("/campaigns")
def list_all(db: Db) -> dict[str, Any]:
    return {"campaigns": commands.list_campaigns(db)}


@router.post("/campaigns", status_code=201)
def create(new: NewCampaign, db: Db, actor: Caller) -> dict[str, Any]:
    time_zone = new.time_zone or load_settings().workspace_time_zone
    made = commands.create(
        db, name=new.name, segment=new.segment, template=new.template, at=_moment(new.at, time_zone), cron=new.cron,
        time_zone=time_zone, key=new.key, actor=actor, now=now(), rules=new.rules.upon(DEFAULTS),
    )  # fmt: skip
    return {"campaign": made}


@router.get("/campaigns/{key}")
def show(key: Key, db: Db) -> dict[str, Any]:
    """The campaign, every message of it in exactly one state, who was left out and why, and what holds it up."""
    return {
        "campaign": commands.find(db, key),
        "ledger": runs.ledger(db, key),
        "skipped": runs.skip_counts(db, key),
        "problems": runs.problems(db, key),
    }


@router.patch("/campaigns/{key}")
def update(key: Key, change: Change, db: Db) -> dict[str, Any]:
    campaign = commands.find(db, key)
    changed = commands.update(
        db, key, now=now(), name=change.name, segment=change.segment, template=change.template, cron=change.cron,
        time_zone=change.time_zone, at=_moment(change.at, change.time_zone or campaign.time_zone),
        rules=change.rules.upon(campaign.rules),
    )  # fmt: skip
    return {"campaign": changed}


@router.post("/campaigns/{key}/clone", status_code=201)
def clone(key: Key, copy: Name, db: Db, actor: Caller) -> dict[str, Any]:
    return {"campaign": commands.clone(db, key, name=copy.name, actor=actor, now=now())}


@router.post("/campaigns/{key}/launch")
def launch(key: Key, db: Db) -> dict[str, Any]:
    return {"campaign": commands.launch(db, key, now=now())}


@router.post("/campaigns/{key}/pause")
def pause(key: Key, db: Db) -> dict[str, Any]:
    return {"campaign": commands.pause(db, key, now=now())}


@router.post("/campaigns/{key}/resume")
def resume(key: Key, db: Db) -> dict[str, Any]:
    return {"campaign": commands.resume(db, key, now=now())}


@router.post("/campaigns/{key}/cancel")
def cancel(key: Key, db: Db) -> dict[str, Any]:
    return {"campaign": commands.cancel(db, key, now=now())}


@router.post("/campaigns/{key}/throttle")
def throttle(key: Key, pace: Throttle, db: Db) -> dict[str, Any]:
    return {"campaign": commands.throttle(db, key, messages_per_minute=pace.messages_per_minute, now=now())}


@router.post("/campaigns/{key}/dry-run")
def dry_run(key: Key, db: Db, samples: Annotated[int, Query(ge=0, le=100)] = 10) -> Any:
    """What a launch now would do; nothing is stored and nothing is sent."""
    settings = load_settings()
    delivery = delivery_from(settings, now)
    return rehearse(
        db, key, composer=delivery.composer, sender=settings.mail_from, channels=delivery.channels,
        policy=_policy(settings), now=now(), samples=samples,
    )  # fmt: skip


@router.get("/campaigns/{key}/why/{contact_id}")
def why(key: Key, contact_id: Annotated[int, Path(gt=0, lt=2**63)], db: Db) -> Any:
    return explain(db, key, contact_id, now=now())


@router.post("/campaigns/{key}/trigger", status_code=202)
def trigger(key: Key, wanted: Trigger, db: Db) -> Any:
    settings = load_settings()
    return trigger_messages(
        db, key, wanted.contact_ids, sender=settings.mail_from, provider=settings.mail_provider, now=now(),
        trigger_key=wanted.trigger_key, policy=_policy(settings),
    )  # fmt: skip


@router.get("/dead-letters")
def dead(
    db: Db,
    after: Annotated[int | None, Query(gt=0, lt=2**63)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """Messages whose fate nobody knows, newest first, with the provider's words."""
    found = dead_letters.list_dead(db, limit=limit, after=after)
    return {"dead_letters": found, "next": found[-1].message_id if len(found) == limit else None}


@router.post("/dead-letters/requeue")
def requeue(wanted: Requeue, db: Db, actor: Caller) -> dict[str, Any]:
    report = dead_letters.requeue(db, wanted.message_ids, actor=actor, now=now(), accept_doubles=wanted.accept_doubles)
    return {"requeued": report.requeued, **asdict(report)}


def _policy(settings: Settings) -> Policy:
    return Policy(settings.workspace_time_zone, settings.unknown_consent_counts)


def _moment(at: datetime | None, zone_name: str) -> datetime | None:
    return at if at is None or at.tzinfo else at.replace(tzinfo=zone(zone_name))
