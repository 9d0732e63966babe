"""The cron builder's translation: each form comes back from its expression, and says when the expression does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activation.automations.cron import CronInvalid, next_runs
from dashboards.cron_builder.translate import LAST_DAY, STEPS, Pace, Schedule, to_expression, to_form

minutes, hours = st.integers(0, 59), st.integers(0, 23)
forms = st.one_of(
    st.builds(Schedule, st.just(Pace.HOURS), minutes, step=st.sampled_from(STEPS)),
    st.builds(Schedule, st.sampled_from([Pace.DAY, Pace.WEEKDAY]), minutes, hours),
    st.builds(
        Schedule, st.just(Pace.WEEK), minutes, hours,
        days=st.sets(st.integers(1, 7), min_size=1).map(lambda days: tuple(sorted(days))),
    ),
    st.builds(Schedule, st.just(Pace.MONTH), minutes, hours, day=st.integers(LAST_DAY, 31)),
)  # fmt: skip
weekday_fields = st.lists(
    st.one_of(
        st.sampled_from(["0", "1", "2", "3", "4", "5", "6", "7", "MON", "sun", "1-3", "2-6", "FRI-SUN", "1-7", "0-2"])
    ),
    min_size=1,
    max_size=3,
).map(",".join)
NEWEST = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@settings(max_examples=500)
@given(forms)
def test_a_form_comes_back_from_its_expression(form):
    assert to_form(to_expression(form)) == form


@settings(max_examples=150, deadline=None)
@given(minutes, hours, st.sampled_from(["*", "*/2", "1", "15", "31", "L"]), weekday_fields | st.just("*"))
def test_an_expression_that_a_form_says_runs_at_the_same_times_as_the_form(minute, hour, day, weekday):
    expression = f"{minute} {hour} {day} * {weekday}"
    form = to_form(expression)

    if form is not None:
        said = to_expression(form)
        assert next_runs(said, "Europe/Rome", NEWEST, 5) == next_runs(expression, "Europe/Rome", NEWEST, 5)


@pytest.mark.parametrize(
    ("expression", "form"),
    [
        ("0 9 * * 1", Schedule(Pace.WEEK, 0, 9, days=(1,))),
        ("30 18 * * mon-fri", Schedule(Pace.WEEKDAY, 30, 18)),
        ("5 * * * *", Schedule(Pace.HOURS, 5)),
        ("0 */6 * * *", Schedule(Pace.HOURS, 0, step=6)),
        ("0 7 * * *", Schedule(Pace.DAY, 0, 7)),
        ("0 7 1 * *", Schedule(Pace.MONTH, 0, 7, day=1)),
        ("0 7 L * *", Schedule(Pace.MONTH, 0, 7, day=LAST_DAY)),
        ("0 7 * * 0,6", Schedule(Pace.WEEK, 0, 7, days=(6, 7))),
    ],
)
def test_a_common_expression_is_a_form(expression, form):
    assert to_form(expression) == form


@pytest.mark.parametrize(
    "expression", ["*/10 * * * *", "0 9 1 * 1", "0 9 * 6 *", "0 9,18 * * *", "0 */5 * * *", "0 9 * * 5#2", "0 0 29 2 *"]
)
def test_an_expression_that_no_form_says_is_left_as_it_is(expression):
    assert to_form(expression) is None


def test_what_is_no_expression_is_refused():
    with pytest.raises(CronInvalid):
        to_form("every monday")
