"""A campaign's run: planned when due, its audience frozen, opened for sending, finished when no row is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row, dict_row

from activation import guard
from activation.automations import cron as cron_rules
from activation.campaigns import audience
from activation.campaigns.audience import Policy
from engage_db import named_sql
from engage_db.pause import pause_point

SQL = named_sql.load(__file__)

AUDIENCE_SUITES = ("contacts", "events", "segment_members")
MESSAGE_SUITES = ("campaign_messages",)
DEFAULT_POLICY = Policy()
# of what a campaign says, that which delivery asks for again
KEPT_BY_A_RUN = (
    "message_class", "topic_id", "priority", "ignores_caps", "quiet_from", "quiet_until", "window_from", "window_until",
    "window_days", "template_version_id",
)  # fmt: skip


@dataclass(frozen=True)
class Due:
    """A campaign whose time has come; `scheduled_for` is that time."""

    campaign_id: int
    key: str
    scheduled_for: datetime


@dataclass(frozen=True)
class OpenRun:
    """A run that is not over."""

    campaign_run_id: int
    campaign_id: int
    key: str
    name: str
    state: str
    scheduled_for: datetime
    snapshot_at: datetime | None


@dataclass(frozen=True)
class SnapshotReport:
    """Who was targeted: queued to be sent to, or left out for a reason."""

    campaign_run_id: int
    key: str
    targeted: int
    queued: int
    skipped: dict[str, int] = field(default_factory=dict)
    stopped: str | None = None


def due(db: Connection, *, now: datetime) -> list[Due]:
    """The campaigns that are due, oldest first. Changes nothing."""
    with db.cursor(row_factory=class_row(Due)) as cursor:
        return cursor.execute(SQL.due, {"now": now}).fetchall()


def plan(db: Connection, campaign_id: int, scheduled_for: datetime, *, now: datetime) -> int | None:
    """The run of (campaign, time): made on the first call, found on every other.

    Of several cron times that passed while nothing ran, the last one still inside the campaign's window runs, once; without
    one the time is recorded as missed. None when it is missed, or when the campaign is no longer due then.
    """
    with db.transaction():
        campaign = db.execute(SQL.lock_campaign, {"campaign_id": campaign_id}).fetchone()
        if campaign is None:
            return None
        state, next_run_at, cron, time_zone, window_minutes = campaign
        if state != "scheduled" or next_run_at != scheduled_for:
            return _existing(db, campaign_id, scheduled_for)
        window_begin = now - timedelta(minutes=window_minutes)
        runs_at, following = scheduled_for, None
        if cron is not None:
            runs_at = _last_passed(cron, time_zone, scheduled_for, window_begin, now)
            following = cron_rules.next_run(cron, time_zone, max(now, runs_at))
        is_missed = runs_at < window_begin
        db.execute(
            SQL.advance,
            {"campaign_id": campaign_id, "next_run_at": following, "is_missed": is_missed, "now": now},
        )
        row = db.execute(
            SQL.insert_run,
            {
                "campaign_id": campaign_id,
                "scheduled_for": runs_at,
                "state": "missed" if is_missed else "preparing",
                "reason": "nothing was running at its time, nor within its window" if is_missed else None,
                "now": now,
            },
        ).fetchone()
    if is_missed:
        return None
    return int(row[0]) if row else _existing(db, campaign_id, runs_at)


def start_now(db: Connection, campaign_id: int, *, now: datetime) -> int:
    """A run of an automation outside its schedule, at a person's word."""
    with db.transaction():
        row = db.execute(
            SQL.insert_run,
            {
                "campaign_id": campaign_id,
                "scheduled_for": now,
                "state": "preparing",
                "reason": None,
                "now": now,
            },
        ).fetchone()
    assert row is not None
    return int(row[0])


def open_runs(db: Connection) -> list[OpenRun]:
    """Runs that are preparing or sending, oldest first."""
    with db.cursor(row_factory=class_row(OpenRun)) as cursor:
        return cursor.execute(SQL.open_runs).fetchall()


def unattended(db: Connection, *, now: datetime) -> list[OpenRun]:
    """Open runs that nobody works on: interrupted, or waiting for a retry."""
    with db.cursor(row_factory=class_row(OpenRun)) as cursor:
        return cursor.execute(SQL.unattended, {"now": now}).fetchall()


def snapshot(
    db: Connection, campaign_run_id: int, *, sender: str, provider: str, now: datetime, policy: Policy = DEFAULT_POLICY
) -> SnapshotReport:
    """Freezes the audience of a run in one transaction: one outbox row per member, queued or skipped with its reason.

    Takes it only from data whose tests passed and segments that are kept up to date; else the run is stopped, with the reason.
    Done once: a second call reports the first one's numbers.
    """
    with db.transaction():
        run = db.execute(SQL.lock_run, {"campaign_run_id": campaign_run_id}).fetchone()
        assert run is not None, f"no campaign run {campaign_run_id}"
        campaign_id, key, state, snapshot_at, scheduled_for = run
        if state != "preparing" or snapshot_at is not None:
            return _counted(db, campaign_run_id, key)
        blocked = guard.blocked_by(db, AUDIENCE_SUITES) or audience.segments_gone(db, campaign_id)
        if blocked:
            db.execute(SQL.stop_run, {"campaign_run_id": campaign_run_id, "reason": blocked, "now": now})
            return SnapshotReport(campaign_run_id, key, 0, 0, stopped=blocked)
        freeze(
            db, campaign_id, campaign_run_id,
            scheduled_for=scheduled_for, sender=sender, provider=provider, policy=policy, now=now,
        )  # fmt: skip
        return _counted(db, campaign_run_id, key)


def freeze(
    db: Connection,
    campaign_id: int,
    campaign_run_id: int,
    *,
    scheduled_for: datetime,
    contact_ids: Sequence[int] | None = None,
    sender: str,
    provider: str,
    policy: Policy,
    now: datetime,
) -> None:
    """Freezes the audience and what the campaign says now, in the caller's transaction: whatever is edited later, the run keeps it.

    The audience are the members of the campaign's segment, or the contacts given.
    """
    rules = audience.rules_of(db, campaign_id)
    deadline_at = max(scheduled_for, now) + timedelta(minutes=rules.deadline_minutes)
    targeted = audience.freeze(
        db, campaign_id, campaign_run_id,
        rules=rules, deadline_at=deadline_at, contact_ids=contact_ids, policy=policy, now=now,
    )  # fmt: skip
    pause_point("snapshot")
    db.execute(
        SQL.finish_snapshot,
        {
            "campaign_run_id": campaign_run_id,
            "targeted": targeted,
            "sender": sender,
            "provider": provider,
            "deadline_at": deadline_at,
            **{name: getattr(rules, name) for name in KEPT_BY_A_RUN},
            "now": now,
        },
    )


def open_for_sending(db: Connection, *, now: datetime) -> list[str]:
    """Moves prepared runs to sending when the data tests saw their messages and passed; else stops them.

    Returns the reasons of those that were stopped.
    """
    with db.transaction():
        blocked = guard.blocked_by(db, MESSAGE_SUITES)
        if blocked:
            rows = db.execute(SQL.stop_prepared_runs, {"reason": blocked, "now": now}).fetchall()
            return [f"{row[0]}: {blocked}" for row in rows]
        db.execute(SQL.open_prepared_runs, {"suites": list(MESSAGE_SUITES), "now": now})
    return []


def finish(db: Connection, *, now: datetime) -> list[str]:
    """Ends the runs that have no queued, claimed or retried row left; returns the keys of their campaigns."""
    with db.transaction():
        return [row[0] for row in db.execute(SQL.finish_runs, {"now": now}).fetchall()]


def state_counts(db: Connection, campaign_key: str) -> dict[str, int]:
    """Messages of a campaign by state."""
    return dict(db.execute(SQL.state_counts, {"key": campaign_key}).fetchall())


def ledger(db: Connection, campaign_key: str) -> dict[str, Any]:
    """Messages of a campaign over all its runs: those targeted, by state, and whether these add up to those."""
    with db.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(SQL.ledger, {"key": campaign_key}).fetchone()
    assert row is not None
    return row


def skip_counts(db: Connection, campaign_key: str) -> dict[str, int]:
    """Skipped messages of a campaign by reason."""
    return dict(db.execute(SQL.skip_counts, {"key": campaign_key}).fetchall())


def open_counts(db: Connection) -> dict[str, int]:
    """Messages by state, of the runs that are open or ended within a day."""
    return dict(db.execute(SQL.open_counts).fetchall())


def problems(db: Connection, campaign_key: str) -> list[str]:
    """What stopped or holds up the runs of a campaign, newest first."""
    return [row[0] for row in db.execute(SQL.problems, {"key": campaign_key}).fetchall()]


def _last_passed(cron: str, time_zone: str, scheduled_for: datetime, window_begin: datetime, now: datetime) -> datetime:
    """The last cron time inside the window; without one `scheduled_for`, which was missed.

    It begins at the window, so that a long sleep is not walked through minute by minute.
    """
    first = scheduled_for
    if scheduled_for < window_begin:
        first = cron_rules.next_run(cron, time_zone, window_begin - timedelta(seconds=1))
        if first > now:
            return scheduled_for
    return cron_rules.latest_run(cron, time_zone, now, max(scheduled_for, first))


def _existing(db: Connection, campaign_id: int, scheduled_for: datetime) -> int | None:
    row = db.execute(SQL.find_run, {"campaign_id": campaign_id, "scheduled_for": scheduled_for}).fetchone()
    return int(row[0]) if row else None


def _counted(db: Connection, campaign_run_id: int, key: str) -> SnapshotReport:
    counts = db.execute(SQL.snapshot_counts, {"campaign_run_id": campaign_run_id}).fetchall()
    skipped = {reason: number for state, reason, number in counts if state == "skipped"}
    targeted = sum(number for _, _, number in counts)
    return SnapshotReport(campaign_run_id, key, targeted, targeted - sum(skipped.values()), skipped)
