"""What a person does to a campaign: create, launch, pause, resume, cancel. One transaction each."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.rows import dict_row

from activation.automations import cron as cron_rules
from activation.campaigns import audience
from activation.campaigns.rules import DEFAULTS, SendingRules
from activation.compliance.quiet_hours import pair
from activation.errors import NotFound, Refused
from engage_db import named_sql

SQL = named_sql.load(__file__)

FINAL_STATES = ("finished", "cancelled", "missed")
HOW_TO_GET = {"segment": "run", "template": "template install", "topic": "topic create"}


@dataclass(frozen=True)
class Campaign:
    """A campaign with the keys of its segment, template and topic. A triggered one has no segment."""

    campaign_id: int
    key: str
    name: str
    kind: str
    state: str
    state_reason: str | None
    segment: str | None
    segment_title: str | None
    segment_size: int | None
    template: str
    cron: str | None
    time_zone: str
    is_active: bool
    next_run_at: datetime | None
    paused_from: str | None
    created_at: datetime
    created_by: str
    message_class: str
    topic: str | None
    priority: int
    messages_per_minute: int | None
    ignores_caps: bool
    counts_towards_caps: bool
    holdout_percent: float
    excluded_segments: list[str]
    quiet_from: time | None
    quiet_until: time | None
    window_from: time | None
    window_until: time | None
    window_days: list[int] | None
    deadline_minutes: int
    window_minutes: int

    @property
    def rules(self) -> SendingRules:
        """Its rules, as a person set them."""
        return SendingRules(
            topic=self.topic, priority=self.priority, messages_per_minute=self.messages_per_minute,
            ignores_caps=self.ignores_caps, counts_towards_caps=self.counts_towards_caps,
            holdout_percent=self.holdout_percent, excluded_segments=tuple(self.excluded_segments),
            quiet_hours=pair(self.quiet_from, self.quiet_until), send_window=pair(self.window_from, self.window_until),
            window_days=tuple(self.window_days) if self.window_days else None,
            deadline_minutes=self.deadline_minutes, window_minutes=self.window_minutes,
        )  # fmt: skip


def create(
    db: Connection,
    *,
    name: str,
    segment: str | None,
    template: str,
    actor: str,
    now: datetime,
    key: str | None = None,
    at: datetime | None = None,
    cron: str | None = None,
    time_zone: str,
    rules: SendingRules = DEFAULTS,
) -> Campaign:
    """A draft: a broadcast at a time (or at its launch), with `cron` an automation, without a segment a triggered one.

    Raises CronInvalid, NotFound for an unknown segment, template or topic, Refused for a key already taken.
    """
    expression = _schedule(segment, at, cron, time_zone)
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
                "kind": "triggered" if segment is None else "recurring" if expression else "broadcast",
                "segment_id": _segment_id(db, segment) if segment is not None else None,
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
        _set_rules(db, row[0], rules, now)
        return find(db, wanted)


def update(
    db: Connection,
    key: str,
    *,
    now: datetime,
    name: str | None = None,
    segment: str | None = None,
    template: str | None = None,
    at: datetime | None = None,
    cron: str | None = None,
    time_zone: str | None = None,
    rules: SendingRules | None = None,
) -> Campaign:
    """Changes a campaign that is draft or scheduled; what is left out stays. Runs that began keep what they began with.

    Raises Refused in any other state, and what `create` raises.
    """
    with db.transaction():
        campaign = _locked(db, key)
        if campaign.state not in ("draft", "scheduled"):
            raise Refused(
                f"{key} is {campaign.state}: only a draft or a scheduled campaign can be changed. Clone it instead."
            )
        if (cron is not None) > (campaign.cron is not None) or (at is not None and campaign.cron is not None):
            raise Refused(f"{key} is a {campaign.kind} campaign and stays one. Clone it to send it in another way.")
        zone_name = time_zone or campaign.time_zone
        expression = _schedule(campaign.segment, None, cron or campaign.cron, zone_name)
        next_run_at = at or campaign.next_run_at
        if expression and campaign.state == "scheduled":
            next_run_at = cron_rules.next_run(expression, zone_name, now)
        db.execute(
            SQL.set_content,
            {
                "campaign_id": campaign.campaign_id,
                "name": (name or campaign.name).strip(),
                "segment_id": _segment_id(db, wanted) if (wanted := segment or campaign.segment) else None,
                "template_id": _identifier(
                    db, SQL.template_id, SQL.template_keys, "template", template or campaign.template
                ),
                "cron": expression,
                "time_zone": zone_name,
                "next_run_at": next_run_at,
                "now": now,
            },
        )
        _set_rules(db, campaign.campaign_id, rules or campaign.rules, now)
        return find(db, key)


def clone(db: Connection, key: str, *, name: str, actor: str, now: datetime) -> Campaign:
    """A draft like another campaign, under a new name: how to send again what is finished or cancelled."""
    with db.transaction():
        old = find(db, key)
        return create(
            db, name=name, segment=old.segment, template=old.template, actor=actor, now=now, cron=old.cron,
            time_zone=old.time_zone, rules=old.rules,
        )  # fmt: skip


def throttle(db: Connection, key: str, *, messages_per_minute: int | None, now: datetime) -> Campaign:
    """Another pace, at any time before the end; it counts for what is not yet claimed. None: no throttle."""
    with db.transaction():
        campaign = _locked(db, key)
        if campaign.state in FINAL_STATES:
            raise Refused(f"{key} is {campaign.state} already.")
        replace(campaign.rules, messages_per_minute=messages_per_minute)  # raises when it is no pace
        pace = {"campaign_id": campaign.campaign_id, "messages_per_minute": messages_per_minute, "now": now}
        db.execute(SQL.set_throttle, pace)
        return find(db, key)


def launch(db: Connection, key: str, *, now: datetime) -> Campaign:
    """Draft -> scheduled: a broadcast becomes due at its time (now without one), an automation at its next cron time.

    A triggered one waits to be triggered from then on.

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
        if gone := audience.segments_gone(db, campaign.campaign_id):
            raise Refused(f"{key} cannot be launched: {gone}.")
        due: datetime | None = campaign.next_run_at or now
        if campaign.kind == "triggered":
            due = None
        elif campaign.cron:
            due = cron_rules.next_run(campaign.cron, campaign.time_zone, now)
        elif due and due < now - timedelta(minutes=1):
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
    """Goes on where it was paused or stopped, by rows: nobody is left out and nobody gets it twice.

    An automation's run that was held before it took its audience goes on while its window is open and no newer one has run;
    else it is missed.
    """
    with db.transaction():
        campaign = _locked(db, key)
        if campaign.state == "paused":
            db.execute(SQL.resume, {"campaign_id": campaign.campaign_id, "now": now})
        reopened = db.execute(SQL.reopen_stopped, {"campaign_id": campaign.campaign_id, "now": now}).rowcount
        if campaign.state != "paused" and not reopened:
            raise Refused(f"{key} is {campaign.state}: there is nothing to resume.{_what_then(campaign.state)}")
        if campaign.cron and campaign.next_run_at:
            due = max(campaign.next_run_at, cron_rules.next_run(campaign.cron, campaign.time_zone, now))
            db.execute(SQL.reschedule, {"campaign_id": campaign.campaign_id, "next_run_at": due, "now": now})
        return find(db, key)


def cancel(db: Connection, key: str, *, now: datetime) -> Campaign:
    """For good: what is queued is cancelled, what is on its way finishes."""
    with db.transaction():
        campaign = _locked(db, key)
        if campaign.state in FINAL_STATES:
            raise Refused(f"{key} is {campaign.state} already.")
        db.execute(SQL.cancel, {"campaign_id": campaign.campaign_id, "now": now})
        db.execute(SQL.sweep, {"campaign_id": campaign.campaign_id, "now": now})
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
            or f"none yet (`engage {HOW_TO_GET[what]}` brings some)"
        )
        raise NotFound(f"There is no {what} {key}. There are: {known}.")
    return int(row[0])


def _segment_id(db: Connection, key: str) -> int:
    return _identifier(db, SQL.segment_id, SQL.segment_keys, "segment", key)


def _schedule(segment: str | None, at: datetime | None, cron: str | None, time_zone: str) -> str | None:
    """The cron expression in its normal form; raises when the times do not fit together."""
    if cron is not None and at is not None:
        raise Refused("Give either a time (a broadcast) or a cron expression (an automation), not both.")
    if segment is None and (cron is not None or at is not None):
        raise Refused(
            "A campaign without a segment is triggered for one contact at a time: it takes neither time nor cron."
        )
    cron_rules.zone(time_zone)
    return cron_rules.validate(cron) if cron is not None else None


def _set_rules(db: Connection, campaign_id: int, rules: SendingRules, now: datetime) -> None:
    quiet, window = rules.quiet_hours or (None, None), rules.send_window or (None, None)
    db.execute(
        SQL.set_rules,
        {
            "campaign_id": campaign_id,
            "topic_id": _identifier(db, SQL.topic_id, SQL.topic_keys, "topic", rules.topic) if rules.topic else None,
            "priority": rules.priority,
            "messages_per_minute": rules.messages_per_minute,
            "ignores_caps": rules.ignores_caps,
            "counts_towards_caps": rules.counts_towards_caps,
            "holdout_percent": rules.holdout_percent,
            "excluded_segment_ids": [_segment_id(db, key) for key in rules.excluded_segments],
            "quiet_from": quiet[0],
            "quiet_until": quiet[1],
            "window_from": window[0],
            "window_until": window[1],
            "window_days": list(rules.window_days) if rules.window_days else None,
            "deadline_minutes": rules.deadline_minutes,
            "window_minutes": rules.window_minutes,
            "now": now,
        },
    )


def _what_then(state: str) -> str:
    if state in FINAL_STATES:
        return " Clone it to send again."
    if state in ("paused", "stopped_by_guard"):
        return " `engage campaign resume` lets it go on."
    return ""
