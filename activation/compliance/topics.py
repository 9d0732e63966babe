"""Topics: what people may choose to hear about. A new one mails nobody who left everything."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import class_row

from activation.errors import NotFound, Refused
from engage_db import named_sql

SQL = named_sql.load(__file__)


@dataclass(frozen=True)
class Topic:
    """A topic with the words that recipients read."""

    topic_id: int
    key: str
    name: str
    description: str
    is_active: bool
    created_at: datetime
    created_by: str


def list_all(db: Connection) -> list[Topic]:
    """Every topic, those in use first."""
    with db.cursor(row_factory=class_row(Topic)) as cursor:
        return cursor.execute(SQL.list_all).fetchall()


def find(db: Connection, key: str) -> Topic:
    """One topic. Raises NotFound, naming those there are."""
    with db.cursor(row_factory=class_row(Topic)) as cursor:
        found = cursor.execute(SQL.find, {"key": key}).fetchone()
    if found is None:
        there_are = ", ".join(topic.key for topic in list_all(db)) or "none yet: `engage topic create`"
        raise NotFound(f"There is no topic {key}; there is {there_are}.")
    return found


def create(db: Connection, key: str, *, name: str, description: str = "", actor: str, now: datetime) -> Topic:
    """A new topic, in use at once. Raises Refused for a key that is taken or is none."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", key):
        raise Refused(f"{key!r} cannot be a key: use lower-case letters, digits, - and _, 63 at most.")
    if not name.strip():
        raise Refused("A topic needs a name: recipients read it in the preference centre.")
    arguments = {"key": key, "name": name.strip(), "description": description.strip(), "actor": actor, "now": now}
    if db.execute(SQL.insert, arguments).fetchone() is None:
        raise Refused(f"There is already a topic {key}: choose another key, or change it with `engage topic update`.")
    return find(db, key)


def update(
    db: Connection, key: str, *, name: str | None = None, description: str | None = None, is_active: bool | None = None
) -> Topic:
    """Changes the words, or takes the topic out of use: it can no longer be chosen, its decisions stay on record."""
    find(db, key)
    if name is not None and not name.strip():
        raise Refused("A topic needs a name: recipients read it in the preference centre.")
    words = {"name": name and name.strip(), "description": None if description is None else description.strip()}
    db.execute(SQL.update, {"key": key, "is_active": is_active, **words})
    return find(db, key)
