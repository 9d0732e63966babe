"""Who gets a campaign and who is left out, and why: one statement, to freeze it into the outbox or to rehearse it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any, LiteralString

from psycopg import Connection, sql
from psycopg.rows import class_row

from activation.compliance.quiet_hours import Hours, Span, as_columns, spans_by_zone
from activation.templates.tokens import profile_columns
from engage_db import named_sql

SQL = named_sql.load(__file__)


@dataclass(frozen=True)
class Policy:
    """What the workspace says: its zone, for contacts without one, and whether nothing known counts as consent."""

    time_zone: str = "UTC"
    unknown_consent_counts: bool = False


@dataclass(frozen=True)
class Rules:
    """What the campaign says at the moment of the snapshot. `cap` (messages in `cap_hours`) is None where none holds for it."""

    segment_id: int | None
    channel: str
    message_class: str
    topic_id: int | None
    priority: int
    ignores_caps: bool
    counts_towards_caps: bool
    excluded_segment_ids: list[int]
    holdout_percent: Decimal
    quiet_from: time | None
    quiet_until: time | None
    window_from: time | None
    window_until: time | None
    window_days: list[int] | None
    deadline_minutes: int
    template_version_id: int
    tokens: list[str]
    cap: int | None
    cap_hours: int | None

    @property
    def hours(self) -> Hours:
        """Its hours in the recipient's day."""
        return Hours.of(self.quiet_from, self.quiet_until, self.window_from, self.window_until, self.window_days)


def rules_of(db: Connection, campaign_id: int) -> Rules:
    """The rules that a campaign has now."""
    with db.cursor(row_factory=class_row(Rules)) as cursor:
        rules = cursor.execute(SQL.rules, {"campaign_id": campaign_id}).fetchone()
    assert rules is not None, f"no campaign {campaign_id}"
    return rules


def segments_gone(db: Connection, campaign_id: int) -> str | None:
    """Which of the campaign's segments, to send to or to leave out, are no longer kept up to date, in a sentence; else None."""
    row = db.execute(SQL.segments_gone, {"campaign_id": campaign_id}).fetchone()
    return f"these of its segments are gone: {row[0]}; edit the campaign to use others" if row and row[0] else None


def freeze(
    db: Connection,
    campaign_id: int,
    campaign_run_id: int,
    *,
    rules: Rules,
    deadline_at: datetime,
    contact_ids: Sequence[int] | None = None,
    policy: Policy,
    now: datetime,
) -> int:
    """Writes one outbox row per targeted contact, queued or skipped with its reason, in the caller's transaction.

    Targeted are the members of the campaign's segment, or the contacts given. Returns how many they are.
    """
    parameters = _parameters(db, campaign_id, rules, deadline_at, contact_ids, policy, now)
    _judge_in_memory(db)
    return db.execute(_around(SQL.insert, rules), {**parameters, "campaign_run_id": campaign_run_id}).rowcount


def rehearse(db: Connection, campaign_id: int, *, rules: Rules, policy: Policy, now: datetime) -> None:
    """The same audience as a snapshot at `now` would freeze, in the temporary table `rehearsal` of the caller's transaction."""
    deadline_at = now + timedelta(minutes=rules.deadline_minutes)
    _judge_in_memory(db)
    db.execute(_around(SQL.rehearse, rules), _parameters(db, campaign_id, rules, deadline_at, None, policy, now))


def _parameters(
    db: Connection,
    campaign_id: int,
    rules: Rules,
    deadline_at: datetime,
    contact_ids: Sequence[int] | None,
    policy: Policy,
    now: datetime,
) -> Mapping[str, Any]:
    """What the campaign says is given to the statement, not read by it: so Postgres knows whom it will find, and plans for them."""
    spans: dict[str, Span | None] = {}
    who = {
        "segment_id": rules.segment_id,
        "contact_ids": None if contact_ids is None else list(contact_ids),
        "default_zone": policy.time_zone,
    }
    if rules.hours:
        zones = [row[0] for row in db.execute(SQL.zones, who).fetchall()]
        spans = spans_by_zone(now, zones, rules.hours, policy.time_zone)
    return {
        **who,
        **as_columns(spans),
        "campaign_id": campaign_id,
        "template_version_id": rules.template_version_id,
        "channel": rules.channel,
        "message_class": rules.message_class,
        "topic_id": rules.topic_id,
        "excluded_segment_ids": rules.excluded_segment_ids,
        "holdout_percent": rules.holdout_percent,
        "is_capped": rules.message_class == "marketing" and rules.counts_towards_caps,
        "cap": rules.cap,
        "cap_since": now - timedelta(hours=rules.cap_hours or 0),
        "unknown_counts": policy.unknown_consent_counts,
        "deadline_at": deadline_at,
        "now": now,
    }


def _judge_in_memory(db: Connection) -> None:
    """A million people are sorted and joined in memory."""
    db.execute("set local work_mem = '256MB'")


def _around(statement: LiteralString, rules: Rules) -> sql.Composed:
    """The statement with the audience in it, and the values that the template uses."""
    judged = SQL.audience.rstrip().removesuffix(";").replace("%(token_values)s", "{token_values}")
    audience = sql.SQL(judged).format(token_values=profile_columns(rules.tokens))
    return sql.SQL(statement.replace("(%(audience)s)", "({audience})")).format(audience=audience)
