"""What people do with segments: define, change and delete them, look at them and at who was in them when."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from activation.automations import cron
from activation.errors import NotFound, Refused
from activation.segments.catalogue import Catalogue, catalogue
from activation.segments.kinds.registry import KINDS
from activation.segments.kinds.rule_tree import segments_used
from activation.segments.problems import Problem, refuse_errors
from engage_db import named_sql
from engage_db.settings import load_settings

SQL = named_sql.load(__file__)

AFTER_BUILD, LIVE = "after every build", "live"
KEY = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class Segment:
    """A segment as engage.segments holds it; `problem` is why its newest refresh kept the last good membership."""

    segment_id: int
    key: str
    kind: str
    title: str
    description: str
    owner: str | None
    refresh: str
    definition: dict[str, Any]
    version: int
    evaluated_version: int | None
    is_active: bool
    size: int | None
    created_at: datetime
    created_by: str | None
    refreshed_at: datetime | None
    problem: str | None
    problem_at: datetime | None


@dataclass(frozen=True)
class SegmentVersion:
    """One definition that the segment had."""

    version: int
    definition: dict[str, Any]
    created_at: datetime
    created_by: str


def names(db: Connection) -> Catalogue:
    """What definitions can refer to, in the workspace's time zone."""
    return catalogue(db, load_settings().workspace_time_zone)


def validate(db: Connection, kind: str, definition: Mapping[str, Any], *, key: str | None = None) -> list[Problem]:
    """Everything that is wrong with a definition; with `key` also circles that it would close."""
    if kind not in KINDS:
        return [Problem("kind", f"there is no kind {kind}; there are {', '.join(KINDS)}")]
    known = names(db)
    problems = KINDS[kind].validate(definition, known)
    if kind == "rules" and key and not any(problem.severity == "error" for problem in problems):
        problems = [*problems, *_circle(db, key, definition)]
    return problems


def create(
    db: Connection,
    key: str,
    *,
    kind: str,
    title: str,
    definition: Mapping[str, Any],
    description: str = "",
    refresh: str = AFTER_BUILD,
    actor: str,
    now: datetime,
) -> Segment:
    """Saves a segment; its first refresh gives it members.

    Raises Refused for a key that is taken or malformed, dbt segments (those are models), a refresh pace that is none,
    and DefinitionRefused naming every error.
    """
    if not KEY.fullmatch(key):
        raise Refused(f"{key!r} is no key: a small letter, then small letters, digits and _, at most 63.")
    if kind == "dbt":
        raise Refused(
            "dbt segments are models: add a .sql and .yml under dbt_project/models/segments and run `engage build`."
        )
    if not title.strip():
        raise Refused("A segment needs a title that marketers will find it by.")
    _check_pace(refresh, kind)
    try:
        with db.transaction():
            db.execute(SQL.lock_definitions)
            refuse_errors(validate(db, kind, definition, key=key))
            db.execute(
                SQL.create,
                {
                    "key": key, "kind": kind, "title": title.strip(), "description": description, "refresh": refresh,
                    "definition": Jsonb(definition), "actor": actor, "now": now,
                },
            )  # fmt: skip
    except UniqueViolation:
        raise Refused(
            f"There is already a segment {key}. Choose another key, or `engage segment update {key}`."
        ) from None
    return show(db, key)


def update(
    db: Connection,
    key: str,
    *,
    definition: Mapping[str, Any] | None = None,
    title: str | None = None,
    description: str | None = None,
    refresh: str | None = None,
    expected_version: int | None = None,
    actor: str,
    now: datetime,
) -> Segment:
    """Changes what is given; a new definition is a new version, kept with who and when.

    `expected_version` refuses the change when somebody else has changed the definition since it was read.
    """
    segment = show(db, key)
    if segment.kind == "dbt":
        raise Refused(
            f"{key} is a dbt model: change {segment.definition.get('file', 'its file')} and run `engage build`."
        )
    if refresh is not None:
        _check_pace(refresh, segment.kind)
    with db.transaction():
        db.execute(SQL.lock_definitions)
        if definition is not None:
            refuse_errors(validate(db, segment.kind, definition, key=key))
        version = db.execute(SQL.lock_version, {"key": key}).fetchone()
        if expected_version is not None and version != (expected_version,):
            found = version[0] if version else "none"
            raise Refused(
                f"{key} has been changed meanwhile: it is at version {found}, your change was made on {expected_version}. "
                "Look at the new version and make your change again."
            )
        db.execute(
            SQL.update,
            {
                "key": key, "title": title, "description": description, "refresh": refresh,
                "definition": None if definition is None else Jsonb(definition), "actor": actor, "now": now,
            },
        )  # fmt: skip
    return show(db, key)


def delete(db: Connection, key: str, *, actor: str, now: datetime) -> None:
    """Takes the segment out of use; everybody leaves it and its history stays.

    Raises Refused when an active campaign is sent to it or leaves it out, when another segment uses it, or when it is a dbt model.
    """
    segment = show(db, key)
    if segment.kind == "dbt":
        raise Refused(
            f"{key} is a dbt model: delete {segment.definition.get('file', 'its file')} and run `engage build`."
        )
    with db.transaction():
        db.execute(SQL.lock_membership, {"segment_id": segment.segment_id})
        db.execute(SQL.lock_definitions)
        db.execute(SQL.lock_version, {"key": key})
        campaigns = [row[0] for row in db.execute(SQL.campaigns_using, {"segment_id": segment.segment_id}).fetchall()]
        if campaigns:
            raise Refused(f"{key} is used by {', '.join(campaigns)}: change, cancel or finish that first.")
        users = [
            name
            for name, definition in db.execute(SQL.rule_definitions).fetchall()
            if name != key and key in segments_used(definition)
        ]
        if users:
            raise Refused(f"{key} is used by the segment {', '.join(users)}: change that first.")
        db.execute(SQL.delete, {"segment_id": segment.segment_id, "now": now, "actor": actor})


def show(db: Connection, key: str) -> Segment:
    """The active segment of that key. Raises NotFound."""
    with db.cursor(row_factory=class_row(Segment)) as cursor:
        segment = cursor.execute(SQL.show, {"key": key}).fetchone()
    if segment is None:
        raise NotFound(f"There is no active segment {key}. `engage segment list` shows those there are.")
    return segment


def list_all(db: Connection) -> list[Segment]:
    """All active segments, by title."""
    with db.cursor(row_factory=class_row(Segment)) as cursor:
        return cursor.execute(SQL.list_all).fetchall()


def versions(db: Connection, key: str) -> list[SegmentVersion]:
    """Every definition it had, the newest first."""
    segment = show(db, key)
    with db.cursor(row_factory=class_row(SegmentVersion)) as cursor:
        return cursor.execute(SQL.versions, {"segment_id": segment.segment_id}).fetchall()


def members(
    db: Connection, key: str, *, at: datetime | None = None, after: int = 0, limit: int = 1000
) -> list[dict[str, Any]]:
    """Who is in it now, or was at that instant, by contact id; `after` continues behind the last one read."""
    segment = show(db, key)
    arguments = {"segment_id": segment.segment_id, "at": at, "after": after, "limit": limit}
    with db.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL.members if at is None else SQL.members_at, arguments).fetchall()


def take_snapshot(db: Connection, key: str, name: str, *, actor: str, now: datetime) -> int:
    """Gives the membership of this moment a name; returns its size. `members(at=…)` reads it, whenever asked."""
    segment = show(db, key)
    try:
        with db.transaction():
            row = db.execute(
                SQL.take_snapshot, {"segment_id": segment.segment_id, "name": name, "actor": actor, "now": now}
            ).fetchone()
    except UniqueViolation:
        raise Refused(f"{key} already has a snapshot named {name}.") from None
    assert row is not None
    return int(row[0])


def snapshots(db: Connection, key: str) -> list[dict[str, Any]]:
    """Its named moments, the newest first: name, taken_at, taken_by, size."""
    with db.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL.snapshots, {"segment_id": show(db, key).segment_id}).fetchall()


def _check_pace(refresh: str, kind: str) -> None:
    if refresh == AFTER_BUILD:
        return
    if refresh == LIVE:
        if kind != "rules":
            raise Refused(
                f"Only rules can be evaluated live; a {kind} segment takes 'after every build' or a cron expression."
            )
        return
    try:
        cron.validate(refresh)
    except cron.CronInvalid:
        raise Refused(
            f"{refresh!r} is no pace: write 'after every build', 'live' or a cron expression such as '0 6 * * 1'."
        ) from None


def _circle(db: Connection, key: str, definition: Mapping[str, Any]) -> Sequence[Problem]:
    """A problem when following the references leads back to the segment itself."""
    uses = {name: segments_used(each) for name, each in db.execute(SQL.rule_definitions).fetchall()}
    uses[key] = segments_used(definition)
    trail = _path_back(key, uses)
    return (
        [Problem("where", f"the segments would refer to each other in a circle: {' → '.join(trail)}")] if trail else []
    )


def _path_back(key: str, uses: Mapping[str, set[str]]) -> list[str]:
    stack, seen = [[key]], set()
    while stack:
        trail = stack.pop()
        for used in sorted(uses.get(trail[-1], ())):
            if used == key:
                return [*trail, key]
            if used not in seen:
                seen.add(used)
                stack.append([*trail, used])
    return []
