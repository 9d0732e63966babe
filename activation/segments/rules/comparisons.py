"""Comparisons of one value, as SQL. Each is NULL or false when the value is not set; none is ever true then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Interval,
    Numeric,
    Text,
    and_,
    any_,
    bindparam,
    case,
    cast,
    extract,
    false,
    func,
    literal_column,
    or_,
)  # fmt: skip
from sqlalchemy import text as sql_text
from sqlalchemy.dialects import postgresql

Arguments = Mapping[str, Any]
Sql = ColumnElement[Any]

WHITESPACE = " \t\r\n"
LAST_BLANK = 32
_BETWEEN = "\x1f"  # the separator of units: no entry holds it
_BLANKS_BETWEEN = f"[{WHITESPACE}]*{_BETWEEN}[{WHITESPACE}]*"
YEARS = (1000, 9000)


@dataclass(frozen=True)
class Operand:
    """A value of a row: its SQL and its type, one of operators.TYPES.

    A text may be known to have no blanks around it and not to be empty, or to be in lower case as well: then nothing has
    to be done to it, and its indexes serve.
    """

    sql: Sql
    type: str
    is_trimmed: bool = False
    is_folded: bool = False

    @property
    def trimmed(self) -> Sql:
        return self.sql if self.is_trimmed or self.is_folded else func.btrim(self.sql, WHITESPACE)

    @property
    def folded(self) -> Sql:
        """The text as it is compared: without blanks around it, in lower case."""
        return self.sql if self.is_folded else func.lower(self.trimmed)


@dataclass(frozen=True)
class Times:
    """The instant of evaluation, as SQL and, where it is known, as a value; and the zone in which days begin and end."""

    at: Sql
    zone: str
    instant: datetime | None = None

    def back(self, days: int) -> Sql:
        return self.at - hours(24 * days)

    def ahead(self, days: int) -> Sql:
        return self.at + hours(24 * days)

    @property
    def today(self) -> Sql:
        return cast(func.timezone(self.zone, self.at), Date)

    def begin(self, day: Sql) -> Sql:
        """The first instant of a day."""
        return func.timezone(self.zone, cast(day, DateTime(timezone=False)))


def hours(number: int) -> Sql:
    """An interval in hours, which no change of clocks stretches."""
    return cast(bindparam(None, timedelta(hours=number), Interval), Interval)


def folded(value: Sql) -> Sql:
    """Text as it is compared: without blanks around it, in lower case."""
    return func.lower(func.btrim(value, WHITESPACE))


def parse_time(value: object) -> date | datetime:
    """A date, or an instant (a time without offset is returned naive). Raises ValueError in words."""
    problem = f"{value!r} is no date: write 2026-03-01, or 2026-03-01T09:30:00+01:00"
    if not isinstance(value, str):
        raise ValueError(problem)  # noqa: TRY004 - one kind of answer for the caller
    try:
        parsed = date.fromisoformat(value) if len(value) <= len("2026-03-01") else datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(problem) from None
    if not YEARS[0] <= parsed.year <= YEARS[1]:
        raise ValueError(f"{value}: years from {YEARS[0]} to {YEARS[1]} can be compared")
    return parsed


def _instants(value: object, times: Times) -> tuple[Sql, Sql, bool]:
    """First instant, end, and whether the end is included: a whole day, or one instant."""
    parsed = parse_time(value)
    if isinstance(parsed, datetime):
        if parsed.tzinfo is None:
            naive = cast(bindparam(None, parsed, DateTime), DateTime(timezone=False))
            return func.timezone(times.zone, naive), func.timezone(times.zone, naive), True
        instant = bindparam(None, parsed.astimezone(UTC), DateTime(timezone=True))
        return instant, instant, True
    day = bindparam(None, parsed, Date)
    next_day = bindparam(None, parsed + timedelta(days=1), Date)
    return times.begin(day), times.begin(next_day), False


def _instant(operand: Operand, times: Times) -> Sql:
    return times.begin(operand.sql) if operand.type == "date" else operand.sql


def _beside(operand: Operand, value: object, times: Times) -> tuple[Sql, Sql, Sql, bool]:
    """The operand as it is compared with a time, and that time as in `_instants`. A day and a day are compared as days."""
    parsed = parse_time(value)
    if operand.type == "date" and not isinstance(parsed, datetime):
        return operand.sql, bindparam(None, parsed, Date), bindparam(None, parsed + timedelta(days=1), Date), False
    return _instant(operand, times), *_instants(value, times)


def _number(value: object) -> Sql:
    return bindparam(None, Decimal(str(value)), Numeric)


def _same(operand: Operand, value: object, times: Times) -> Sql:
    if operand.type == "string":
        return operand.folded == folded(_text(str(value)))
    if operand.type == "numeric":
        return operand.sql == _number(value)
    if operand.type == "boolean":
        return operand.sql.is_(bool(value))
    instant, first, end, included = _beside(operand, value, times)
    return instant == first if included else and_(instant >= first, instant < end)


def _text(value: str) -> Sql:
    return bindparam(None, value, Text)


def _one_of(operand: Operand, texts: list[Any]) -> Sql:
    """The database folds both sides, so that they know the same alphabet; the planner sees constants."""
    return operand.folded.in_([folded(_text(str(wanted))) for wanted in texts])


def _set(operand: Operand) -> Sql:
    """Whether there is a value at all."""
    if operand.type == "string" and not (operand.is_trimmed or operand.is_folded):
        # few values begin with a blank: those that do not need no trimming
        return or_(func.ascii(operand.sql) > LAST_BLANK, func.btrim(operand.sql, WHITESPACE) != "")
    if operand.type == "array":
        return func.cardinality(operand.sql) > 0
    return operand.sql.is_not(None)


def _within(operand: Operand, times: Times, low: Sql | None, high: Sql | None) -> Sql:
    instant = _instant(operand, times)
    return and_(*([instant >= low] if low is not None else []), *([instant <= high] if high is not None else []))


def equals(operand: Operand, arguments: Arguments, times: Times) -> Sql:
    return _same(operand, arguments["value"], times)


def not_equals(operand: Operand, arguments: Arguments, times: Times) -> Sql:
    """Set, and not the same."""
    if operand.type == "string":
        return operand.folded.not_in([literal_column("''"), folded(_text(str(arguments["value"])))])
    return and_(_set(operand), ~_same(operand, arguments["value"], times))


def is_in(operand: Operand, arguments: Arguments, times: Times) -> Sql:
    values = arguments["values"]
    if operand.type == "string":
        return _one_of(operand, values)
    if operand.type == "numeric":
        numbers = [Decimal(str(value)) for value in values]
        return operand.sql == any_(bindparam(None, numbers, ARRAY(Numeric)))
    return or_(*(_same(operand, value, times) for value in values))


def is_not_in(operand: Operand, arguments: Arguments, times: Times) -> Sql:
    """Set, and none of the values."""
    if operand.type == "string":
        return operand.folded.not_in(
            [literal_column("''"), *(folded(_text(str(value))) for value in arguments["values"])]
        )
    return and_(_set(operand), ~is_in(operand, arguments, times))


def contains(operand: Operand, arguments: Arguments, _times: Times) -> Sql:
    """A text without blanks around it is in the trimmed value exactly when it is in the value."""
    text = operand.sql if operand.is_folded else func.lower(operand.sql)
    return func.strpos(text, folded(_text(arguments["value"]))) > 0


def not_contains(operand: Operand, arguments: Arguments, times: Times) -> Sql:
    return and_(_set(operand), ~contains(operand, arguments, times))


def starts_with(operand: Operand, arguments: Arguments, _times: Times) -> Sql:
    return func.starts_with(operand.folded, folded(_text(arguments["value"])))


def ends_with(operand: Operand, arguments: Arguments, _times: Times) -> Sql:
    wanted = folded(_text(arguments["value"]))
    return func.right(operand.folded, func.length(wanted)) == wanted


def matches(operand: Operand, arguments: Arguments, _times: Times) -> Sql:
    found = operand.trimmed.op("~*", is_comparison=True)(_text(arguments["value"]))
    return and_(_set(operand), found)


def is_set(operand: Operand, _arguments: Arguments, _times: Times) -> Sql:
    return _set(operand)


def is_not_set(operand: Operand, _arguments: Arguments, _times: Times) -> Sql:
    return func.coalesce(~_set(operand), True)


def less_than(operand: Operand, arguments: Arguments, _times: Times) -> Sql:
    return operand.sql < _number(arguments["value"])


def at_most(operand: Operand, arguments: Arguments, _times: Times) -> Sql:
    return operand.sql <= _number(arguments["value"])


def greater_than(operand: Operand, arguments: Arguments, _times: Times) -> Sql:
    return operand.sql > _number(arguments["value"])


def at_least(operand: Operand, arguments: Arguments, _times: Times) -> Sql:
    return operand.sql >= _number(arguments["value"])


def between(operand: Operand, arguments: Arguments, times: Times) -> Sql:
    if operand.type == "numeric":
        return operand.sql.between(_number(arguments["low"]), _number(arguments["high"]))
    from_low, first, _, _ = _beside(operand, arguments["low"], times)
    to_high, _, end, included = _beside(operand, arguments["high"], times)
    return and_(from_low >= first, to_high <= end if included else to_high < end)


def before(operand: Operand, arguments: Arguments, times: Times) -> Sql:
    instant, first, _, _ = _beside(operand, arguments["value"], times)
    return instant < first


def after(operand: Operand, arguments: Arguments, times: Times) -> Sql:
    instant, _, end, included = _beside(operand, arguments["value"], times)
    return instant > end if included else instant >= end


def in_last_days(operand: Operand, arguments: Arguments, times: Times) -> Sql:
    return _within(operand, times, times.back(arguments["days"]), times.at)


def in_next_days(operand: Operand, arguments: Arguments, times: Times) -> Sql:
    instant = _instant(operand, times)
    return and_(instant > times.at, instant <= times.ahead(arguments["days"]))


def more_than_days_ago(operand: Operand, arguments: Arguments, times: Times) -> Sql:
    return _instant(operand, times) < times.back(arguments["days"])


def in_last_calendar_days(operand: Operand, arguments: Arguments, times: Times) -> Sql:
    if arguments["days"] == 0:
        return false()
    first_day = times.today - bindparam(None, arguments["days"] - 1, Integer)
    return _within(operand, times, times.begin(first_day), times.at)


def anniversary_in(operand: Operand, arguments: Arguments, times: Times) -> Sql:
    return _anniversary(operand, times, arguments["days"], arguments["days"])


def anniversary_within(operand: Operand, arguments: Arguments, times: Times) -> Sql:
    return _anniversary(operand, times, 0, arguments["days"])


def _anniversary(operand: Operand, times: Times, first: int, last: int) -> Sql:
    day = operand.sql if operand.type == "date" else cast(func.timezone(times.zone, operand.sql), Date)
    if times.instant is not None:
        month_and_day = cast(func.date_part("month", day) * 100 + func.date_part("day", day), Integer)
        coming_days = bindparam(None, _months_and_days(times.instant, times.zone, first, last), ARRAY(Integer))
        return and_(month_and_day == any_(coming_days), day < times.today)
    years = extract("year", times.today) - extract("year", day)
    this_year = cast(day + years * sql_text("interval '1 year'"), Date)
    next_year = cast(day + (years + 1) * sql_text("interval '1 year'"), Date)
    coming = case((this_year >= times.today, this_year), else_=next_year)
    return and_(day < times.today, cast(coming - times.today, Integer).between(first, last))


def _months_and_days(instant: datetime, zone: str, first: int, last: int) -> list[int]:
    """The days from `first` to `last` days ahead as month * 100 + day; the 28th of February stands in for a missing 29th."""
    today = instant.astimezone(ZoneInfo(zone)).date()
    days = [today + timedelta(days=ahead) for ahead in range(first, last + 1)]
    leap = [229 for day in days if (day.month, day.day) == (2, 28) and (day + timedelta(days=1)).day == 1]
    return [day.month * 100 + day.day for day in days] + leap


def is_true(operand: Operand, _arguments: Arguments, _times: Times) -> Sql:
    return operand.sql.is_(True)


def is_false(operand: Operand, _arguments: Arguments, _times: Times) -> Sql:
    return operand.sql.is_(False)


def contains_any(operand: Operand, arguments: Arguments, _times: Times) -> Sql:
    """At least one entry is one of the values."""
    return _entries(operand, "&&", arguments["values"])


def contains_all(operand: Operand, arguments: Arguments, _times: Times) -> Sql:
    """Each of the values is an entry."""
    return _entries(operand, "@>", arguments["values"])


def contains_none(operand: Operand, arguments: Arguments, times: Times) -> Sql:
    """Has entries, and none is one of the values."""
    return and_(_set(operand), contains_any(operand, arguments, times).is_not(True))


def _entries(operand: Operand, operator: str, values: list[Any]) -> Sql:
    """All entries are folded at once, by way of the array's text; those with blanks around them by way of a joined text.

    Only an entry in quotes can have such blanks. Neither way needs a subquery, which would keep the scan on one core.
    """
    written = cast(operand.sql, Text)
    wanted: Sql = postgresql.array([folded(_text(str(value))) for value in values], type_=Text())
    joined = folded(func.array_to_string(operand.sql, _BETWEEN))
    trimmed = func.string_to_array(func.regexp_replace(joined, _BLANKS_BETWEEN, _BETWEEN, "g"), _BETWEEN)
    in_quotes = func.strpos(written, literal_column("'\"'")) > 0
    at_once = cast(func.lower(written), ARRAY(Text)).op(operator, is_comparison=True)(wanted)
    return or_(at_once, and_(in_quotes, trimmed.op(operator, is_comparison=True)(wanted)))
