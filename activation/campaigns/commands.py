"""What a person does to a campaign: create, launch, pause, resume, cancel. One transaction each."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.rows import dict_row

from activation.automations import cron as cron_rules
from activation.errors import NotFound, Refused
from engage_db import named_sql

SQL = named_sql.load(__file__)

FINAL_STATES = ("finished", "cancelled", "missed")


@dataclass(frozen=True)
class Campaign:
    """A campaign with the keys of its segment and template."""

    campaign_id: int
    key: str
    name: str
    kind: str
    state: str
    state_reason: str | None
    segment: str
    segment_title: str
    segment_size: int | None
    template: str
    cron: str | None
    time_zone: str
    is_active: bool
    next_run_at: datetime | None
    paused_from: str | None
    created_at: datetime
    created_by: str


def create(
    db: Connection,
    *,
    name: str,
    segment: str,
    template: str,
    actor: str,
    now: datetime,
    key: str | None = None,
    at: datetime | None = None,
    cron: str | None = None,
    time_zone: str,
) -> Campaign:
    """A draft: a broadcast at a time (or at its launch), or with `cron` a recurring automation.

    Raises CronInvalid, NotFound for an unknown segment or template, Refused for a key already taken.
    """
    if cron is not None and at is not None:
        raise Refused("Give either a time (a broadcast) or a cron expression (an automation), not both.")
    cron_rules.zone(time_zone)
    expression = cron_rules.validate(cron) if cron is not None else None
    if not name.strip():
        raise Refused("A campaign needs a name.")
    wanted = key or slug(name)
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", wanted):
        raise Refused(f"{wanted!r} cannot be a key: use lower-case letters, digits and hyphens, 63 at most.")
    with db.transaction():
        row = db.execute(
            SQL.insert_campaign,
            {
                "key": wanted,
                "name": name.strip(),
                "kind": "recurring" if expression else "broadcast",
                "segment_id": _identifier(db, SQL.segment_id, SQL.segment_keys, "segment", segment),
                "template_id": _identifier(db, SQL.template_id, SQL.template_keys, "template", template),
                "cron": expression,
                "time_zone": time_zone,
                "next_run_at": at,
                "actor": actor,
                "now": now,
            },
        ).fetchone()
        if row is None:
            raise Refused(f"There is already a campaign {wanted}. Choose another name, or give --key.")
        return find(db, wanted)


def launch(db: Connection, key: str, *, now: datetime) -> Campaign:
    """Draft -> scheduled: a broadcast becomes due at its time (now without one), an automation at its next cron time.

    Raises Refused when it is no draft, its segment has nobody, or its time has passed.
    """
    with db.transaction():
        campaign = _locked(db, key)
        if campaign.state != "draft":
            raise Refused(f"{key} is {campaign.state}: only a draft can be launched.{_what_then(campaign.state)}")
        if campaign.kind == "broadcast" and not campaign.segment_size:
            raise Refused(
                f"The segment {campaign.segment} is empty, so nobody would get {key}. "
                "Run `engage run` to refresh it, or choose another segment."
            )
        due = campaign.next_run_at or now
        if campaign.cron:
            due = cron_rules.next_run(campaign.cron, campaign.time_zone, now)
        elif due < now - timedelta(minutes=1):
            raise Refused(f"{key} is planned for {due:%Y-%m-%d %H:%M} UTC, which has passed.")
        db.execute(SQL.launch, {"campaign_id": campaign.campaign_id, "next_run_at": due, "now": now})
        return find(db, key)


def pause(db: Connection, key: str, *, now: datetime) -> Campaign:
    """Nothing more is claimed until `resume`; what is on its way to the provider finishes."""
    with db.transaction():
        campaign = _locked(db, key)
        if campaign.state not in ("scheduled", "preparing", "sending"):
            raise Refused(f"{key} is {campaign.state}: there is nothing to pause.{_what_then(campaign.state)}")
        db.execute(SQL.pause, {"campaign_id": campaign.campaign_id, "now": now})
        return find(db, key)


def resume(db: Connection, key: str, *, now: datetime) -> Campaign:
    """Goes on where it was paused or stopped, by rows: nobody is left out and nobody gets it twice."""
    with db.transaction():
        campaign = _locked(db, key)
        if campaign.state == "paused":
            db.execute(SQL.resume, {"campaign_id": campaign.campaign_id, "now": now})
        reopened = db.execute(SQL.reopen_stopped_runs, {"campaign_id": campaign.campaign_id, "now": now}).rowcount
        if campaign.state != "paused" and not reopened:
            raise Refused(f"{key} is {campaign.state}: there is nothing to resume.{_what_then(campaign.state)}")
        if campaign.cron and campaign.next_run_at:
            due = max(campaign.next_run_at, cron_rules.next_run(campaign.cron, campaign.time_zone, now))
            db.execute(SQL.reschedule, {"campaign_id": campaign.campaign_id, "next_run_at": due, "now": now})
        return find(db, key)


def cancel(db: Connection, key: str, *, now: datetime) -> Campaign:
    """For good: what is queued is cancelled in one statement, what is on its way finishes."""
    with db.transaction():
        campaign = _locked(db, key)
        if campaign.state in FINAL_STATES:
            raise Refused(f"{key} is {campaign.state} already.")
        db.execute(SQL.cancel, {"campaign_id": campaign.campaign_id, "now": now})
        return find(db, key)


def find(db: Connection, key: str) -> Campaign:
    """The campaign of a key. Raises NotFound."""
    return _one(db, SQL.find, key)


def key_of(db: Connection, key_or_id: str) -> str:
    """The key of a campaign named by its key or its number. Raises NotFound."""
    row = db.execute(SQL.key_of, {"wanted": key_or_id}).fetchone()
    if row is None:
        raise NotFound(f"There is no campaign {key_or_id}. `engage campaign list` shows those there are.")
    return str(row[0])


def list_campaigns(db: Connection) -> list[Campaign]:
    """All campaigns, newest first."""
    with db.cursor(row_factory=dict_row) as cursor:
        return [Campaign(**row) for row in cursor.execute(SQL.list_all).fetchall()]


def slug(name: str) -> str:
    """'Spring sale: 20 %!' -> 'spring-sale-20'."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:63] or "campaign"


def _locked(db: Connection, key: str) -> Campaign:
    return _one(db, SQL.lock, key)


def _one(db: Connection, statement: LiteralString, key: str) -> Campaign:
    with db.cursor(row_factory=dict_row) as cursor:
        row: dict[str, Any] | None = cursor.execute(statement, {"key": key}).fetchone()
    if row is None:
        raise NotFound(f"There is no campaign {key}. `engage campaign list` shows those there are.")
    return Campaign(**row)


def _identifier(db: Connection, one: LiteralString, all_keys: LiteralString, what: str, key: str) -> int:
    row = db.execute(one, {"key": key}).fetchone()
    if row is None:
        known = (
            ", ".join(found[0] for found in db.execute(all_keys).fetchall())
            or f"none yet (`engage {'run' if what == 'segment' else 'template install'}` brings some)"
        )
        raise NotFound(f"There is no {what} {key}. There are: {known}.")
    return int(row[0])


def _what_then(state: str) -> str:
    if state in FINAL_STATES:
        return " Create it anew to send again."
    if state in ("paused", "stopped_by_guard"):
        return " `engage campaign resume` lets it go on."
    return ""
