"""When in a recipient's day a message may leave: quiet hours, send window and weekdays, in the recipient's own zone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MIDNIGHT = time()
LOOK_AHEAD = timedelta(days=9)  # any weekday comes within a week; a span is complete within one more
LOOK_BACK = timedelta(days=2)


@dataclass(frozen=True)
class Hours:
    """The rules of a campaign. Spans may pass midnight: a window from 20:00 to 02:00 on Monday ends on Tuesday at 02:00."""

    quiet: tuple[time, time] | None = None
    window: tuple[time, time] | None = None
    days: tuple[int, ...] | None = None

    @classmethod
    def of(
        cls,
        quiet_from: time | None,
        quiet_until: time | None,
        window_from: time | None,
        window_until: time | None,
        window_days: Sequence[int] | None,
    ) -> Hours:
        """The rules as the columns of a campaign hold them."""
        return cls(
            pair(quiet_from, quiet_until),
            pair(window_from, window_until),
            tuple(window_days) if window_days else None,
        )

    def __bool__(self) -> bool:
        return any((self.quiet, self.window, self.days))

    def permit(self, local: datetime) -> bool:
        """Whether a message may leave at this wall-clock time."""
        if self.quiet and _within(local.time(), *self.quiet):
            return False
        if self.window and not _within(local.time(), *self.window):
            return False
        return self.days is None or self._day_of(local).isoweekday() in self.days

    def boundaries(self) -> set[time]:
        """Wall-clock times at which the answer may change."""
        spans = [span for span in (self.quiet, self.window) if span]
        return {MIDNIGHT, *(moment for span in spans for moment in span)}

    def _day_of(self, local: datetime) -> date:
        """The day that a time belongs to: after midnight of a window that passes it, the day on which the window began."""
        passes_midnight = self.window is not None and self.window[0] > self.window[1]
        if passes_midnight and self.window and local.time() < self.window[1]:
            return local.date() - timedelta(days=1)
        return local.date()


@dataclass(frozen=True)
class Span:
    """From when to when a message may leave; `ends` is None where the hours never forbid it."""

    begins: datetime
    ends: datetime | None


def next_span(now: datetime, zone: ZoneInfo, hours: Hours) -> Span | None:
    """The span that `now` lies in, else the next; None when the rules leave no minute of any week.

    A wall-clock time that a clock change skips counts as the first instant after it; one that comes twice, as the first.
    """
    if not hours:
        return Span(now, None)
    span: Span | None = None
    edges = sorted(_edges(now, zone, hours))
    for begins, ends in pairwise(edges):
        if ends <= now:
            continue
        if hours.permit(begins.astimezone(zone).replace(tzinfo=None)):
            span = Span(span.begins, ends) if span else Span(max(begins, now), ends)
        elif span:
            return span
    return span


def spans_by_zone(now: datetime, zones: Iterable[str], hours: Hours, default: str) -> dict[str, Span | None]:
    """The next span of each zone; a name that is no zone has the hours of `default`, the workspace's."""
    return {name: next_span(now, zone_or(name, default), hours) for name in set(zones) | {default}}


def as_columns(spans: Mapping[str, Span | None]) -> dict[str, list[Any]]:
    """Spans by zone as the arrays that statements take, as text: a zone without any minute begins at infinity."""
    return {
        "zones": list(spans),
        "begins": [span.begins.isoformat() if span else "infinity" for span in spans.values()],
        "ends": [span.ends.isoformat() if span and span.ends else None for span in spans.values()],
    }


def pair(begins: time | None, ends: time | None) -> tuple[time, time] | None:
    """Both ends of a span, or none."""
    return (begins, ends) if begins is not None and ends is not None else None


def zone_or(name: str, default: str) -> ZoneInfo:
    """The zone of a name as a CRM holds it, or else the default."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(default)


def _edges(now: datetime, zone: ZoneInfo, hours: Hours) -> set[datetime]:
    first = (now - LOOK_BACK).astimezone(zone).date()
    days = range((LOOK_BACK + LOOK_AHEAD).days + 1)
    return {
        _instant(datetime.combine(first + timedelta(days=day), moment), zone)
        for day in days
        for moment in hours.boundaries()
    }


def _instant(wall_clock: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which clocks show that time or, where they skip it, a later one."""
    while True:
        instant = wall_clock.replace(tzinfo=zone).astimezone(UTC)
        if instant.astimezone(zone).replace(tzinfo=None) == wall_clock:
            return instant
        wall_clock += timedelta(minutes=1)


def _within(moment: time, begins: time, ends: time) -> bool:
    if begins <= ends:
        return begins <= moment < ends
    return moment >= begins or moment < ends
