"""What segments can be made of: the published attributes, the events seen, the other segments, the campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg import Connection

from engage_db import named_sql

SQL = named_sql.load(__file__)

TYPE_OF_COLUMN = {
    "text": "string", "character varying": "string", "uuid": "string",
    "smallint": "numeric", "integer": "numeric", "bigint": "numeric", "numeric": "numeric", "double precision": "numeric",
    "real": "numeric", "boolean": "boolean", "date": "date", "timestamp with time zone": "timestamp",
    "text[]": "array",
}  # fmt: skip
# what the model contact_profiles makes of these texts, and its data tests hold it to
TRIMMED = frozenset({"first_name", "last_name", "phone", "company", "job_title", "city"})
FOLDED = frozenset({"email", "email_domain", "email_status", "email_consent", "whatsapp_consent", "sms_consent"})
EVENT_COLUMNS: Mapping[str, str] = {"value": "numeric", "currency": "string"}


@dataclass(frozen=True)
class SegmentEntry:
    """A segment that others may refer to."""

    segment_id: int
    kind: str
    title: str


@dataclass(frozen=True)
class Catalogue:
    """Names and types; `history` are the attributes whose past is recorded, `events` the properties seen of each.

    `trimmed` attributes have no blanks around them, `folded` ones are in lower case as well; neither is ever "".
    """

    attributes: Mapping[str, str]
    time_zone: str
    events: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    segments: Mapping[str, SegmentEntry] = field(default_factory=dict)
    campaigns: Mapping[str, int] = field(default_factory=dict)
    history: frozenset[str] = frozenset()
    trimmed: frozenset[str] = frozenset()
    folded: frozenset[str] = frozenset()


def catalogue(db: Connection, time_zone: str) -> Catalogue:
    """Reads it from the tables as they are; properties of events are taken from a sample of the newest."""
    return Catalogue(
        attributes=_typed(
            db.execute(SQL.columns, {"table_schema": "profiles", "table_name": "contact_profiles"}).fetchall()
        ),
        time_zone=time_zone,
        events=_events(db),
        segments={
            key: SegmentEntry(segment_id, kind, title)
            for key, segment_id, kind, title in db.execute(SQL.segments).fetchall()
        },
        campaigns=dict(db.execute(SQL.campaigns).fetchall()),
        history=frozenset(
            _typed(db.execute(SQL.columns, {"table_schema": "core", "table_name": "contact_history"}).fetchall())
        ),
        trimmed=TRIMMED,
        folded=FOLDED,
    )


def _typed(columns: list[tuple[str, str]]) -> dict[str, str]:
    return {name: TYPE_OF_COLUMN[kind] for name, kind in columns if kind in TYPE_OF_COLUMN and name != "contact_id"}


def _events(db: Connection) -> dict[str, dict[str, str]]:
    if db.execute("select to_regclass('core.events')").fetchone() == (None,):
        return {}
    found: dict[str, dict[str, str]] = {}
    for name, properties in db.execute(SQL.events).fetchall():
        found[name] = {**EVENT_COLUMNS, **properties}
    return found
