"""What a person says of providers: which goes first, how fast, how many a day, and what becomes of a message without a fate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import class_row

from activation.channels.contract import Channel
from activation.errors import NotFound, Refused
from engage_db import named_sql
from engage_db.tables.providers import UNKNOWN_POLICIES

SQL = named_sql.load(__file__)


@dataclass(frozen=True)
class ProviderSettings:
    """A provider as it is set, and how it fares: the breaker is closed, open or half_open."""

    provider: str
    channel: str
    priority: int
    is_active: bool
    requests_per_second: float | None
    daily_limit: int | None
    unknown_policy: str
    breaker: str
    reason: str | None
    open_until: datetime | None
    last_good_at: datetime | None
    last_bad_at: datetime | None


def listed(db: Connection) -> list[ProviderSettings]:
    """All providers that are known, in the order in which they are tried."""
    with db.cursor(row_factory=class_row(ProviderSettings)) as cursor:
        return cursor.execute(SQL.listed).fetchall()


def change(
    db: Connection,
    provider: str,
    *,
    channels: Mapping[str, Channel],
    actor: str,
    now: datetime,
    priority: int | None = None,
    is_active: bool | None = None,
    requests_per_second: float | None = None,
    daily_limit: int | None = None,
    unknown_policy: str | None = None,
) -> ProviderSettings:
    """Sets what is given; the rest stays. It counts from the next claim. Raises NotFound, Refused."""
    if provider not in channels:
        raise NotFound(f"There is no provider {provider} with a key. There are: {', '.join(sorted(channels))}.")
    if unknown_policy is not None and unknown_policy not in UNKNOWN_POLICIES:
        raise Refused(f"{unknown_policy!r} is no policy. There are: {', '.join(UNKNOWN_POLICIES)}.")
    if (requests_per_second is not None and requests_per_second <= 0) or (daily_limit is not None and daily_limit < 0):
        raise Refused("Requests a second are more than 0, and a daily limit is 0 or more.")
    with db.transaction():
        db.execute(
            SQL.change,
            {
                "provider": provider,
                "channel": channels[provider].channel,
                "priority": priority,
                "is_active": is_active,
                "requests_per_second": requests_per_second,
                "daily_limit": daily_limit,
                "unknown_policy": unknown_policy,
                "actor": actor,
                "now": now,
            },
        )
        return next(known for known in listed(db) if known.provider == provider)


def close_breaker(db: Connection, provider: str, *, now: datetime) -> bool:
    """A person has mended what was wrong: the provider is used again at once. False when it was in use already."""
    with db.transaction():
        return db.execute(SQL.close_breaker, {"provider": provider, "now": now}).rowcount == 1
