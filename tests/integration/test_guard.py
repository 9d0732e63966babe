"""The guard: what it remembers of data tests, and what it lets through."""

from __future__ import annotations

from datetime import timedelta

import pytest

from activation import guard
from tests.factories.engage import NOW


def note(db, suite, problem=None, *, after=0, failures=()):
    guard.record(
        db,
        suite=suite,
        passed=problem is None,
        problem=problem,
        expectations=7,
        failures=failures,
        now=NOW + timedelta(minutes=after),
    )


def test_a_suite_that_never_ran_blocks(engage_db):
    assert guard.blocked_by(engage_db, ["contacts"]) == "the data test contacts has not run yet; run `engage run`"


def test_a_suite_blocks_while_its_newest_result_is_a_failure(engage_db):
    note(engage_db, "contacts")
    assert guard.blocked_by(engage_db, ["contacts"]) is None

    note(engage_db, "contacts", "there are no contacts", after=1)
    assert guard.blocked_by(engage_db, ["contacts"]) == "the data test contacts failed: there are no contacts"

    note(engage_db, "contacts", after=2)
    assert guard.blocked_by(engage_db, ["contacts"]) is None


def test_newest_is_when_it_was_checked_and_then_what_was_noted_last(engage_db):
    note(engage_db, "contacts", "checked later, noted first", after=5)
    note(engage_db, "contacts", after=1)
    assert guard.blocked_by(engage_db, ["contacts"]) == "the data test contacts failed: checked later, noted first"

    note(engage_db, "contacts", after=5)
    assert guard.blocked_by(engage_db, ["contacts"]) is None


def test_every_objection_is_named_and_only_of_the_suites_asked_for(engage_db):
    note(engage_db, "contacts", "there are no contacts")
    note(engage_db, "segment_members")
    note(engage_db, "campaign_messages", "nobody asked")

    assert guard.blocked_by(engage_db, ["segment_members"]) is None
    assert guard.blocked_by(engage_db, ["events", "segment_members", "contacts"]) == (
        "the data test events has not run yet; run `engage run`; the data test contacts failed: there are no contacts"
    )
    assert guard.blocked_by(engage_db, []) is None


def test_verdicts_come_in_the_order_asked_for_with_their_time(engage_db):
    note(engage_db, "contacts", "there are no contacts", after=3)

    assert guard.verdicts(engage_db, ["events", "contacts"]) == [
        guard.Verdict("events", passed=False, problem=None, expectations=0, checked_at=None),
        guard.Verdict(
            "contacts",
            passed=False,
            problem="there are no contacts",
            expectations=7,
            checked_at=NOW + timedelta(minutes=3),
        ),
    ]


def test_failures_are_kept_as_they_were_said(engage_db):
    failures = [{"words": "contacts without an id: 1", "severity": "critical", "sample": [None], "query": "select 1"}]

    note(engage_db, "contacts", "contacts without an id: 1", failures=failures)

    assert engage_db.execute("select failures from engage.data_test_results").fetchall() == [(failures,)]


@pytest.mark.parametrize("problem", [None, "there are no contacts"])
def test_the_transaction_is_the_callers(engage_db, problem):
    note(engage_db, "contacts", problem)
    engage_db.rollback()

    assert guard.verdicts(engage_db, ["contacts"])[0].checked_at is None
