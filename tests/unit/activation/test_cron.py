"""Cron in a zone, also on the days when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activation.automations.cron import CronInvalid, in_words, latest_run, next_run, next_runs, validate

ROME = "Europe/Rome"


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def test_a_time_is_in_the_automations_own_zone():
    assert next_run("0 9 * * *", ROME, utc(2026, 7, 1, 12)) == utc(2026, 7, 2, 7)
    assert next_run("0 9 * * *", "America/New_York", utc(2026, 7, 1, 12)) == utc(2026, 7, 1, 13)


def test_a_time_that_the_clock_skips_runs_at_the_next_minute_that_exists():
    assert next_run("30 2 * * *", ROME, utc(2026, 3, 28, 12)) == utc(2026, 3, 29, 1)
    assert next_run("30 2 * * *", ROME, utc(2026, 3, 29, 1)) == utc(2026, 3, 30, 0, 30)


def test_a_time_that_comes_twice_runs_once():
    first = next_run("30 2 * * *", ROME, utc(2026, 10, 24, 12))

    assert first == utc(2026, 10, 25, 0, 30)
    assert next_run("30 2 * * *", ROME, first) == utc(2026, 10, 26, 1, 30)


def test_leap_day_waits_for_its_year():
    assert next_run("0 0 29 2 *", "UTC", utc(2026, 1, 1)) == utc(2028, 2, 29)


@pytest.mark.parametrize("wrong", ["", "* * * *", "* * * * * *", "61 * * * *", "@daily", "0 0 30 2 *", "a b c d e"])
def test_what_is_no_expression_is_refused_in_words(wrong):
    with pytest.raises(CronInvalid, match=r"is no cron expression|never comes true"):
        validate(wrong)


def test_an_expression_is_told_in_words():
    assert in_words("0 9 * * 1", ROME) == "At 09:00 AM, only on Monday (Europe/Rome)"


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["*/10 * * * *", "30 2 * * *", "0 9 * * 1", "15 1-3 * * *", "0 0 1 * *"]),
    st.sampled_from([ROME, "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Kolkata"]),
    st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)),
)
def test_the_next_time_is_later_and_nothing_lies_between(expression, zone, moment):
    after = moment.replace(tzinfo=UTC)
    following = next_run(expression, zone, after)

    assert following > after
    assert next_run(expression, zone, following - timedelta(seconds=1)) == following
    assert latest_run(expression, zone, following, following) == following


def test_the_next_runs_are_in_order_and_pass_a_clock_change():
    assert next_runs("0 9 * * *", ROME, utc(2026, 10, 24, 12), 2) == [utc(2026, 10, 25, 8), utc(2026, 10, 26, 8)]
    assert next_runs("0 9 * * *", ROME, utc(2026, 10, 23, 12), 1) == [utc(2026, 10, 24, 7)]
