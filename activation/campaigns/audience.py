"""Who gets a campaign and who is left out, and why: one statement, to freeze it into the outbox or to rehearse it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, LiteralString

from psycopg import Connection, sql
from psycopg.rows import class_row

from activation.compliance.quiet_hours import Hours, Span, as_columns, spans_by_zone
from activation.templates.tokens import profile_columns
from engage_db import named_sql

SQL = named_sql.load(__file__)

WORK_MEM = sql.SQL("set local work_mem = '256MB'")  # a million people are sorted and joined in memory


@dataclass(frozen=True)
class Policy:
    """What the workspace says: its zone, for contacts without one, and whether nothing known counts as consent."""

    time_zone: str = "UTC"
    unknown_consent_counts: bool = False


@dataclass(frozen=True)
class Rules:
    """What the campaign says at the moment of the snapshot."""

    message_class: str
    topic_id: int | None
    priority: int
    ignores_caps: bool
    quiet_from: time | None
    quiet_until: time | None
    window_from: time | None
    window_until: time | None
    window_days: list[int] | None
    deadline_minutes: int
    tokens: list[str]

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


def freeze(
    db: Connection,
    campaign_id: int,
    campaign_run_id: int,
    *,
    rules: Rules,
    deadline_at: datetime,
    contact_ids: Sequence[int],
    policy: Policy,
    now: datetime,
) -> None:
    """Writes one outbox row per targeted contact, queued or skipped with its reason, in the caller's transaction.

    Targeted are the members of the campaign's segment, and the contacts given.
    """
    parameters = _parameters(db, campaign_id, rules, deadline_at, contact_ids, policy, now)
    db.execute(WORK_MEM)
    db.execute(_around(SQL.insert, rules), {**parameters, "campaign_run_id": campaign_run_id})


def rehearse(db: Connection, campaign_id: int, *, rules: Rules, policy: Policy, now: datetime) -> None:
    """The same audience as a snapshot would freeze now, in the temporary table `rehearsal` of the caller's transaction."""
    deadline_at = now + timedelta(minutes=rules.deadline_minutes)
    db.execute(WORK_MEM)
    db.execute(_around(SQL.rehearse, rules), _parameters(db, campaign_id, rules, deadline_at, (), policy, now))


def _parameters(
    db: Connection,
    campaign_id: int,
    rules: Rules,
    deadline_at: datetime,
    contact_ids: Sequence[int],
    policy: Policy,
    now: datetime,
) -> Mapping[str, Any]:
    spans: dict[str, Span | None] = {}
    who = {"campaign_id": campaign_id, "contact_ids": list(contact_ids), "default_zone": policy.time_zone}
    if rules.hours:
        zones = [row[0] for row in db.execute(SQL.zones, who).fetchall()]
        spans = spans_by_zone(now, zones, rules.hours, policy.time_zone)
    return {
        **who,
        "unknown_counts": policy.unknown_consent_counts,
        **as_columns(spans),
        "deadline_at": deadline_at,
        "now": now,
    }


def _around(statement: LiteralString, rules: Rules) -> sql.Composed:
    """The statement with the audience in it, and the values that the template uses."""
    judged = SQL.audience.rstrip().removesuffix(";").replace("%(token_values)s", "{token_values}")
    audience = sql.SQL(judged).format(token_values=profile_columns(rules.tokens))
    return sql.SQL(statement.replace("(%(audience)s)", "({audience})")).format(audience=audience)
