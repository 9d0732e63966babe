"""Quiet hours, send windows and weekdays: never a forbidden minute, always the first permitted one."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activation.compliance.quiet_hours import Hours, next_span, spans_by_zone

ROME = ZoneInfo("Europe/Rome")
NIGHT = (time(21), time(8))
MINUTE = timedelta(minutes=1)


def rome(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=ROME).astimezone(UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("hours", "now", "begins", "ends"),
    [
        (Hours(quiet=NIGHT), rome(2026, 11, 20, 12), rome(2026, 11, 20, 12), rome(2026, 11, 20, 21)),
        (Hours(quiet=NIGHT), rome(2026, 11, 20, 21), rome(2026, 11, 21, 8), rome(2026, 11, 21, 21)),
        (Hours(quiet=NIGHT), rome(2026, 11, 21, 7, 59), rome(2026, 11, 21, 8), rome(2026, 11, 21, 21)),
        (Hours(window=(time(9), time(17))), rome(2026, 11, 20, 18), rome(2026, 11, 21, 9), rome(2026, 11, 21, 17)),
        (Hours(days=(1,)), rome(2026, 11, 20, 12), rome(2026, 11, 23), rome(2026, 11, 24)),
        # Monday's window passes midnight: it ends on Tuesday at two
        (Hours(window=(time(20), time(2)), days=(1,)), rome(2026, 11, 24, 1), rome(2026, 11, 24, 1), rome(2026, 11, 24, 2)),
        (Hours(window=(time(20), time(2)), days=(1,)), rome(2026, 11, 24, 3), rome(2026, 11, 30, 20), rome(2026, 12, 1, 2)),
        (Hours(quiet=NIGHT, window=(time(7), time(10))), rome(2026, 11, 20, 7), rome(2026, 11, 20, 8), rome(2026, 11, 20, 10)),
        # 02:30 does not exist on 28 March 2027: the first instant after the gap
        (Hours(quiet=(time(21), time(2, 30))), rome(2027, 3, 28, 1), rome(2027, 3, 28, 3), rome(2027, 3, 28, 21)),
        # 02:30 comes twice on 31 October 2027: the first of them ends the quiet hours
        (Hours(quiet=(time(21), time(2, 30))), rome(2027, 10, 31, 1), rome(2027, 10, 31, 2, 30), rome(2027, 10, 31, 21)),
    ],
)  # fmt: skip
def test_the_next_permitted_span(hours, now, begins, ends):
    span = next_span(now, ROME, hours)

    assert span is not None
    assert (span.begins, span.ends) == (begins, ends)


def test_without_rules_any_minute_is_permitted_for_ever():
    now = rome(2026, 11, 20, 3)

    span = next_span(now, ROME, Hours())

    assert span is not None
    assert (span.begins, span.ends) == (now, None)


def test_rules_that_leave_no_minute_of_any_week_have_no_span():
    assert next_span(rome(2026, 11, 20), ROME, Hours(quiet=(time(8), time(20)), window=(time(9), time(19)))) is None


def test_a_name_that_is_no_zone_has_the_hours_of_the_workspace():
    spans = spans_by_zone(
        rome(2026, 11, 20, 23), ["Nowhere", "../etc/passwd", "Asia/Tokyo"], Hours(quiet=NIGHT), "Europe/Rome"
    )

    assert spans["Nowhere"] == spans["../etc/passwd"] == spans["Europe/Rome"]
    assert spans["Asia/Tokyo"] != spans["Europe/Rome"]


clock_times = st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30, 45, 59)))
spans = st.tuples(clock_times, clock_times).filter(lambda pair: pair[0] != pair[1])
rules = st.builds(
    Hours,
    quiet=st.none() | spans,
    window=st.none() | spans,
    days=st.none() | st.sets(st.integers(1, 7), min_size=1).map(lambda days: tuple(sorted(days))),
)
zones = st.sampled_from(
    ("Europe/Rome", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Cairo", "UTC")
)
clock_changes = [
    datetime(2027, 3, 14, tzinfo=UTC), datetime(2027, 3, 28, tzinfo=UTC), datetime(2027, 4, 3, tzinfo=UTC),
    datetime(2027, 4, 30, tzinfo=UTC), datetime(2027, 10, 31, tzinfo=UTC), datetime(2027, 11, 7, tzinfo=UTC),
    datetime(2028, 2, 28, tzinfo=UTC),
]  # fmt: skip
moments = st.builds(
    lambda day, minutes: day + timedelta(minutes=minutes), st.sampled_from(clock_changes), st.integers(-2000, 2000)
)


def is_permitted(instant, zone, hours):
    return hours.permit(instant.astimezone(zone).replace(tzinfo=None))


def is_in_the_hour_that_comes_twice(instant, zone):
    """There a wall-clock time has two instants, and the rule is that the first one counts."""
    local = instant.astimezone(zone)
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


@settings(max_examples=150, deadline=None)
@given(hours=rules, zone_name=zones, now=moments)
def test_no_minute_of_a_span_is_forbidden_and_none_before_it_was_permitted(hours, zone_name, now):
    zone = ZoneInfo(zone_name)

    span = next_span(now, zone, hours)

    if span is None:
        week = [now + 15 * MINUTE * quarter for quarter in range(7 * 96)]
        assert not any(is_permitted(one, zone, hours) for one in week if not is_in_the_hour_that_comes_twice(one, zone))
        return
    end = span.ends or span.begins + timedelta(hours=1)
    inside = [span.begins + 7 * MINUTE * step for step in range(int((end - span.begins) / (7 * MINUTE)) + 1)]
    for instant in [*inside, end - MINUTE]:
        if span.begins <= instant < end and not is_in_the_hour_that_comes_twice(instant, zone):
            assert is_permitted(instant, zone, hours)
    before = now
    while before < min(span.begins, now + timedelta(days=2)):
        assert is_in_the_hour_that_comes_twice(before, zone) or not is_permitted(before, zone, hours)
        before += 5 * MINUTE
