"""How big a rule segment would have been on past dates, and what cannot be known about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from psycopg import Connection, sql

from activation.errors import Refused
from activation.segments import commands
from activation.segments.catalogue import Catalogue
from activation.segments.kinds.rule_tree import parse_checked
from activation.segments.rules import schema
from activation.segments.rules.compile import Compiler, Sources, as_members
from engage_db import named_sql

SQL = named_sql.load(__file__)

MOST_DATES = 400
THEN = Sources(profiles=("pg_temp", "profiles_then"), members=("pg_temp", "members_then"))


@dataclass(frozen=True)
class Backtest:
    """Sizes at the end of each day in the workspace's zone, and the caveats that go with them."""

    points: list[tuple[date, int]]
    caveats: list[str]


def backtest(db: Connection, definition: Mapping[str, Any], dates: Sequence[date], *, at: datetime) -> Backtest:
    """Evaluates a rule tree as of the end of each date: events by their times, attributes and memberships by their history.

    Raises DefinitionRefused, or Refused for too many dates or dates to come.
    """
    names = commands.names(db)
    tree = parse_checked(definition, names)
    if len(dates) > MOST_DATES:
        raise Refused(f"A backtest takes at most {MOST_DATES} dates, these are {len(dates)}.")
    if late := [each for each in dates if _end_of(each, names.time_zone) - timedelta(days=1) > at]:
        raise Refused(f"{late[0]} has not come yet.")
    points = [(each, _size_at(db, tree, names, min(_end_of(each, names.time_zone), at))) for each in dates]
    return Backtest(points, _caveats(db, tree, names, min((point[0] for point in points), default=at.date())))


def _end_of(day: date, zone: str) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)


def _size_at(db: Connection, tree: schema.RuleTree, names: Catalogue, instant: datetime) -> int:
    with db.transaction(force_rollback=True):
        db.execute("select set_config('work_mem', '256MB', true), set_config('jit', 'off', true)")
        db.execute(_profiles_then(names), {"instant": instant})
        db.execute("analyze pg_temp.profiles_then")
        db.execute(SQL.members_then, {"instant": instant})
        members = as_members(Compiler(names, instant, THEN).tree(tree))
        row = db.execute(
            sql.SQL("select count(*) from ({}) as member").format(members.statement), dict(members.parameters)
        ).fetchone()
    assert row is not None
    return int(row[0])


def _profiles_then(names: Catalogue) -> sql.Composed:
    """Contacts that existed then; attributes with history as they were, the others as they are."""
    recorded = sorted(names.history & names.attributes.keys())
    columns = [
        sql.SQL("case when version.contact_id is null then profile.{0} else version.{0} end as {0}").format(
            sql.Identifier(name)
        )
        if name in recorded
        else sql.SQL("profile.{}").format(sql.Identifier(name))
        for name in names.attributes
    ]
    history = sql.SQL(
        "left join lateral (select * from core.contact_history version where version.contact_id = profile.contact_id "
        "and version.valid_from <= %(instant)s and (version.valid_to is null or version.valid_to > %(instant)s) "
        "order by version.valid_from desc limit 1) as version on true"
        if recorded
        else ""
    )
    return sql.SQL(
        "create temp table profiles_then on commit drop as select profile.contact_id, {} from profiles.contact_profiles profile {} "
        "where {}"
    ).format(
        sql.SQL(", ").join(columns),
        history,
        sql.SQL("profile.created_at <= %(instant)s" if "created_at" in names.attributes else "%(instant)s is not null"),
    )


def _caveats(db: Connection, tree: schema.RuleTree, names: Catalogue, first: date) -> list[str]:
    """What the sizes rest on, in words; also that people deleted since are not counted."""
    said = ["People deleted from the CRM since are not counted."]
    leaves = [leaf for _, leaf in schema.leaves(tree)]
    used = sorted({leaf.attribute for leaf in leaves if isinstance(leaf, schema.AttributeCondition)})
    unrecorded = [name for name in used if name not in names.history and name != "created_at"]
    if unrecorded:
        said.append(f"The past of {', '.join(unrecorded)} is not recorded: the values of today are used.")
    began = db.execute(SQL.history_began).fetchone() if names.history else None
    recorded = [name for name in used if name in names.history]
    if recorded and began and began[0] and began[0].date() > first:
        said.append(f"{', '.join(recorded)}: recorded since {began[0]:%Y-%m-%d}; before, the values of today are used.")
    if any(isinstance(leaf, schema.ListCondition) for leaf in leaves):
        said.append("Uploaded lists keep no past: the list of today is used.")
    for key in sorted({leaf.segment for leaf in leaves if isinstance(leaf, schema.SegmentCondition)}):
        row = db.execute(SQL.membership_began, {"segment_id": names.segments[key].segment_id}).fetchone()
        if row is None or row[0] is None or row[0].date() > first:
            since = f"since {row[0]:%Y-%m-%d}" if row and row[0] else "not yet"
            said.append(f"Membership of {key} is recorded {since}; before, nobody counts as a member.")
    return said
