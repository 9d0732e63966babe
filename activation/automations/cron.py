"""Cron in a time zone: five fields, in the automation's own zone, right on the days when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cron_descriptor import get_description
from croniter import croniter

from activation.errors import Refused

FIELDS = 5


class CronInvalid(Refused):
    """An expression or zone that cannot be used; the message shows one that can."""


def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name. Raises CronInvalid."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CronInvalid(
            f"{name!r} is no time zone. Use an IANA name such as Europe/Rome or America/New_York."
        ) from None


def validate(expression: str) -> str:
    """The expression with single spaces. Raises CronInvalid when it is not five fields that can come true."""
    fields = expression.split()
    if len(fields) != FIELDS or not croniter.is_valid(" ".join(fields)):
        raise CronInvalid(
            f"{expression!r} is no cron expression. It takes five fields, minute hour day month weekday: "
            "'0 9 * * 1' is every Monday at 9:00."
        )
    normal = " ".join(fields)
    try:
        croniter(normal, datetime(2024, 1, 1)).get_next(datetime)  # noqa: DTZ001 - a local wall clock has no zone
    except (ValueError, KeyError):
        raise CronInvalid(f"{expression!r} never comes true: there is no such day.") from None
    return normal


def next_run(expression: str, zone_name: str, after: datetime) -> datetime:
    """The first instant later than `after`, in UTC.

    A local time that a clock change skips runs at the next minute that exists; one that comes twice runs the first time.
    """
    local_zone = zone(zone_name)
    wall_clock = croniter(validate(expression), after.astimezone(local_zone).replace(tzinfo=None))
    while True:
        instant = _instant(wall_clock.get_next(datetime), local_zone)
        if instant > after:
            return instant


def next_runs(expression: str, zone_name: str, after: datetime, count: int) -> list[datetime]:
    """The first `count` instants later than `after`, in UTC, in order."""
    instants: list[datetime] = []
    while len(instants) < count:
        after = next_run(expression, zone_name, after)
        instants.append(after)
    return instants


def latest_run(expression: str, zone_name: str, not_after: datetime, not_before: datetime) -> datetime:
    """The last instant in the span, given that `not_before` is one itself."""
    latest = not_before
    while (following := next_run(expression, zone_name, latest)) <= not_after:
        latest = following
    return latest


def in_words(expression: str, zone_name: str) -> str:
    """'At 09:00 AM, only on Monday (Europe/Rome)'."""
    return f"{get_description(validate(expression))} ({zone_name})"


def _instant(wall_clock: datetime, local_zone: ZoneInfo) -> datetime:
    while True:
        instant = wall_clock.replace(tzinfo=local_zone, fold=0).astimezone(UTC)
        if instant.astimezone(local_zone).replace(tzinfo=None) == wall_clock:
            return instant
        wall_clock += timedelta(minutes=1)
