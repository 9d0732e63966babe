"""Rows whose permitted hours ended while they waited."""

from __future__ import annotations

from datetime import datetime

from activation.compliance.quiet_hours import Hours, as_columns, spans_by_zone
from activation.delivery.batches import Database
from engage_db import named_sql

SQL = named_sql.load(__file__)


async def hold_back(db: Database, campaign_run_id: int, *, time_zone: str, now: datetime) -> None:
    """Sends them to the next hours of their zone, or leaves them out when the campaign is over by then.

    `time_zone` is the workspace's, for names that are no zone.
    """
    async with db.transaction():
        who = {"campaign_run_id": campaign_run_id, "now": now}
        rows = await (await db.execute(SQL.held_zones, who)).fetchall()
        if not rows:
            return
        hours = Hours.of(*rows[0][1:])
        spans = spans_by_zone(now, [row[0] for row in rows], hours, time_zone)
        await db.execute(SQL.hold, {**who, **as_columns(spans)})
