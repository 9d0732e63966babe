"""Events that other systems tell us of: stored once by their own id, and the people of them told to live segments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from psycopg import Connection
from psycopg.types.json import Jsonb
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from engage_db import named_sql

SQL = named_sql.load(__file__)

NAME = re.compile(r"^[a-z][a-z0-9_]{0,79}$")
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]


class PublishedEvent(BaseModel):
    """An event of a contact. `id` is the publisher's: the same id of the same contact is the same event."""

    model_config = ConfigDict(extra="forbid")

    id: Text
    contact_id: Annotated[int, Field(ge=1, le=2**63 - 1)]
    name: Annotated[str, StringConstraints(pattern=NAME.pattern)]
    occurred_at: AwareDatetime
    value: Annotated[Decimal, Field(allow_inf_nan=False, max_digits=30)] | None = None
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] | None = None
    properties: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class PublishReport:
    """How many were new, and how many were known already."""

    accepted: int
    known: int


def publish(db: Connection, events: Sequence[PublishedEvent], *, now: datetime) -> PublishReport:
    """Stores the events in one transaction and wakes the worker; sending them again changes nothing."""
    with db.transaction():
        row = db.execute(
            SQL.land,
            {
                "contact_ids": [event.contact_id for event in events],
                "source_keys": [event.id for event in events],
                "names": [event.name for event in events],
                "times": [event.occurred_at for event in events],
                "values": [event.value for event in events],
                "currencies": [event.currency for event in events],
                "properties": [Jsonb(event.properties) for event in events],
                "now": now,
            },
        ).fetchone()
        assert row is not None
        if row[0]:
            db.execute(SQL.wake_worker)
    return PublishReport(row[0], len(events) - row[0])
