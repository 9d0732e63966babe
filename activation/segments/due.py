"""Which segments need a refresh: those whose inputs changed, whose windows move with time, or whose hour has come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from graphlib import TopologicalSorter
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from activation.automations import cron
from activation.segments.commands import AFTER_BUILD, LIVE
from activation.segments.refresh import RefreshReport, refresh_all
from activation.segments.rules import schema
from activation.segments.rules.operators import BY_NAME, ROLLING
from engage_db import named_sql
from engage_db.settings import load_settings

SQL = named_sql.load(__file__)

# what landed while dbt was building is in no table yet when segments are refreshed, and keeps its earlier time when the
# next build takes it in: as much is looked at again as dbt reads again (var message_overlap)
OVERLAP = timedelta(hours=1)
NEVER = datetime.max.replace(tzinfo=UTC)


def refresh_changed(
    db: Connection, *, now: datetime, beside: Callable[[], Connection] | None = None
) -> list[RefreshReport]:
    """After a build: the segments of people's own making that could come out otherwise than at their last refresh."""
    return refresh_all(db, now=now, keys=[*changed(db, now=now)], beside=beside)


def changed(db: Connection, *, now: datetime) -> Iterable[str]:
    """Keys of those whose definition, inputs or windows moved since they were refreshed.

    Those with an hour of their own are among them only while their last try failed.
    """
    del now
    segments = {each["key"]: each for each in _segments(db)}
    inputs = {key: _inputs(each) for key, each in segments.items()}
    # those that others refer to come first, so that a change travels on
    order = TopologicalSorter({key: read["segments"] & segments.keys() for key, read in inputs.items()}).static_order()
    moved: set[str] = set()
    for key in order:
        of_a_build = segments[key]["refresh"] in {AFTER_BUILD, LIVE} or segments[key]["problem"]
        if of_a_build and _has_moved(db, segments[key], inputs[key], moved):
            moved.add(key)
    return sorted(moved)


def due_by_cron(db: Connection, *, now: datetime) -> list[str]:
    """Keys of the segments with a pace of their own whose last time has passed since they were last tried."""
    paced = [segment for segment in _segments(db) if segment["refresh"] not in {AFTER_BUILD, LIVE}]
    return [segment["key"] for segment in paced if segment["tried_at"] is None or _next_hour(segment) <= now]


def _next_hour(segment: dict[str, Any]) -> datetime:
    try:
        return cron.next_run(segment["refresh"], load_settings().workspace_time_zone, segment["tried_at"])
    except cron.CronInvalid:  # saved before a pace had to come true at all
        return NEVER


def _segments(db: Connection) -> list[dict[str, Any]]:
    with db.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL.not_dbt).fetchall()


def _has_moved(db: Connection, segment: dict[str, Any], inputs: dict[str, Any], moved: set[str]) -> bool:
    if segment["kind"] != "rules" or segment["refreshed_at"] is None or segment["problem"]:
        return True  # of the other kinds nothing is known but their result
    if segment["evaluated_version"] != segment["version"]:
        return True
    if inputs["moves"] or inputs["segments"] & moved:
        return True
    row = db.execute(
        SQL.inputs_changed,
        {
            "since": segment["refreshed_at"] - OVERLAP,
            "refreshed_at": segment["refreshed_at"],
            "attributes": bool(inputs["attributes"]),
            "events": sorted(inputs["events"]),
            "segments": sorted(inputs["segments"]),
            "campaigns": bool(inputs["campaigns"]),
        },
    ).fetchone()
    return row is None or bool(row[0])


def _inputs(segment: dict[str, Any]) -> dict[str, Any]:
    """What a rule tree reads, and whether it moves with time alone."""
    inputs: dict[str, Any] = {
        "attributes": set(),
        "events": set(),
        "segments": set(),
        "campaigns": set(),
        "moves": False,
    }
    tree = schema.parse(segment["definition"])[0] if segment["kind"] == "rules" else None
    for _, leaf in schema.leaves(tree) if tree else ():
        inputs["moves"] |= _moves(leaf)
        if isinstance(leaf, schema.AttributeCondition):
            inputs["attributes"].add(leaf.attribute)
        elif isinstance(leaf, schema.SegmentCondition):
            inputs["segments"].add(leaf.segment)
        elif isinstance(leaf, schema.ListCondition):
            inputs["segments"].add(leaf.list)
        elif isinstance(leaf, schema.CampaignCondition):
            inputs["campaigns"].add(leaf.campaign)
        elif isinstance(leaf, schema.FunnelCondition):
            inputs["events"].add("deal_stage_changed")
        elif not isinstance(leaf, schema.BucketCondition):
            inputs["events"] |= {leaf.event, getattr(leaf, "then", leaf.event)}
    return inputs


def _moves(leaf: Any) -> bool:
    """Whether a condition can change its answer without any change of data."""
    window = getattr(leaf, "window", None)
    if window is not None and (window.last_days or window.last_calendar_days or window.until):
        return True
    comparisons = [leaf, getattr(leaf, "compare", None), *getattr(leaf, "where", []), *getattr(leaf, "then_where", [])]
    operators = [each.operator for each in comparisons if each is not None and each.operator in BY_NAME]
    return any(
        name.startswith(("in_", "more_than_days", "anniversary", "has_been")) and _by_time(name) for name in operators
    )


def _by_time(name: str) -> bool:
    return BY_NAME[name].time_zone == ROLLING or name.startswith(("anniversary", "in_last_calendar"))
