"""A schedule as a form ⇄ a cron expression: pure, and both ways.

Every form has an expression that gives the same form back. An expression that no form says is None: it stays as it was
written.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from activation.automations.cron import CronInvalid, validate

LAST_DAY = 0  # of the month, whichever it is
STEPS = (1, 2, 3, 4, 6, 8, 12)  # hours that divide a day, so that midnight changes nothing
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SUNDAY = 7
_NAMES = {name[:3].upper(): number for number, name in enumerate(WEEKDAYS, 1)}
MOST_MINUTE, MOST_HOUR, MOST_DAY = 59, 23, 31


class Pace(StrEnum):
    """How often."""

    HOURS = "hours"
    DAY = "day"
    WEEKDAY = "weekday"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True)
class Schedule:
    """A form as filled in; fields that its pace does not use keep their defaults.

    `days` are weekdays from 1 (Monday) to 7 (Sunday), ascending; `day` is of the month, LAST_DAY for its last.
    """

    pace: Pace
    minute: int = 0
    hour: int = 9
    step: int = 1
    days: tuple[int, ...] = (1,)
    day: int = 1


def to_expression(form: Schedule) -> str:
    """`0 9 * * 1` for every Monday at 9:00."""
    if form.pace is Pace.HOURS:
        return f"{form.minute} {'*' if form.step == 1 else f'*/{form.step}'} * * *"
    at = f"{form.minute} {form.hour}"
    if form.pace is Pace.DAY:
        return f"{at} * * *"
    if form.pace is Pace.WEEKDAY:
        return f"{at} * * 1-5"
    if form.pace is Pace.WEEK:
        return f"{at} * * {','.join(map(str, sorted(day % SUNDAY for day in form.days)))}"
    return f"{at} {'L' if form.day == LAST_DAY else form.day} * *"


def to_form(expression: str) -> Schedule | None:
    """The form that says the same; None when none does. Raises CronInvalid for what is no expression."""
    minute, hour, day, month, weekday = validate(expression).upper().split()
    at_minute = _number(minute, 0, MOST_MINUTE)
    if month != "*" or at_minute is None:
        return None
    if day == weekday == "*" and (hour == "*" or hour.startswith("*/")):
        return _every_hours(at_minute, hour)
    at_hour = _number(hour, 0, MOST_HOUR)
    if at_hour is None:
        return None
    if weekday == "*":
        return _of_month(at_minute, at_hour, day)
    return _of_week(at_minute, at_hour, weekday) if day == "*" else None


def _every_hours(minute: int, hour: str) -> Schedule | None:
    step = 1 if hour == "*" else _number(hour.removeprefix("*/"), 1, MOST_HOUR)
    return Schedule(Pace.HOURS, minute, step=step) if step in STEPS else None


def _of_month(minute: int, hour: int, day: str) -> Schedule | None:
    if day == "*":
        return Schedule(Pace.DAY, minute, hour)
    number = LAST_DAY if day == "L" else _number(day, 1, MOST_DAY)
    return None if number is None else Schedule(Pace.MONTH, minute, hour, day=number)


def _of_week(minute: int, hour: int, field: str) -> Schedule | None:
    if field in ("1-5", "MON-FRI"):
        return Schedule(Pace.WEEKDAY, minute, hour)
    found: set[int] = set()
    for part in field.split(","):
        days = _days(part)
        if days is None:
            return None
        found.update(days)
    return Schedule(Pace.WEEK, minute, hour, days=tuple(sorted(found)))


def _days(part: str) -> list[int] | None:
    """Weekdays of `1`, `MON` or `1-3`; a range over Sunday's two numbers is left to the expression."""
    first, _, last = part.partition("-")
    begin, end = _weekday(first), _weekday(last or first)
    if begin is None or end is None or (last and begin > end):
        return None
    return list(range(begin, end + 1))


def _weekday(text: str) -> int | None:
    number = _NAMES.get(text, _number(text, 0, SUNDAY))
    return SUNDAY if number == 0 else number


def _number(text: str, least: int, most: int) -> int | None:
    return int(text) if text.isdecimal() and least <= int(text) <= most else None


__all__ = ["LAST_DAY", "STEPS", "WEEKDAYS", "CronInvalid", "Pace", "Schedule", "to_expression", "to_form"]
