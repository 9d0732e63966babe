"""A build and a refresh under way while a campaign takes its snapshot: the audience is of one version, the old or the new."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from activation.campaigns import runs
from activation.segments import refresh
from tests.factories import engage as given

LATER = given.NOW + timedelta(minutes=1)


@pytest.fixture
def other(engage_url):
    with psycopg.connect(engage_url, options="-c timezone=UTC -c lock_timeout=5s") as connection:
        yield connection


@pytest.fixture
def campaign(engage_db):
    made = given.add_campaign(engage_db, contacts=4)
    engage_db.execute(
        "create view segments.everybody as select contact_id from profiles.contact_profiles where plan is null"
    )
    engage_db.commit()
    return made


def build(db):
    """Two leave, one comes, and nobody's name is what it was; the caller commits."""
    db.execute("update profiles.contact_profiles set first_name = 'New'")
    db.execute("update profiles.contact_profiles set plan = 'free' where contact_id <= 2")
    given_columns = "contact_id, email, email_status, email_consent, first_name"
    db.execute(
        f"insert into profiles.contact_profiles ({given_columns}) values (9, 'c9@mail.test.dev', 'valid', 'subscribed', 'New')"
    )
    report = refresh.refresh(db, "everybody", now=LATER)
    assert (report.entered, report.exited, report.problem) == (1, 2, None)


def snapshot(db, campaign):
    run_id = runs.plan(db, campaign.campaign_id, campaign.next_run_at, now=given.NOW)
    runs.snapshot(db, run_id, sender="Shop <news@shop.test.dev>", provider="sandbox", now=given.NOW)


def audience(db):
    rows = db.execute("select contact_id, tokens ->> 'first_name' from engage.campaign_messages order by 1").fetchall()
    db.commit()
    return rows


OLD = [(number, f"Name{number}") for number in range(1, 5)]


def test_a_snapshot_amid_a_build_takes_the_old_version_whole(engage_db, other, campaign):
    build(other)

    snapshot(engage_db, campaign)
    engage_db.commit()
    other.commit()

    assert audience(engage_db) == OLD


def test_a_build_amid_a_snapshot_changes_nothing_of_it(engage_db, other, campaign):
    snapshot(engage_db, campaign)

    build(other)
    other.commit()
    engage_db.commit()

    assert audience(engage_db) == OLD


def test_after_the_build_the_snapshot_takes_the_new_version_whole(engage_db, other, campaign):
    build(other)
    other.commit()

    snapshot(engage_db, campaign)
    engage_db.commit()

    assert audience(engage_db) == [(3, "New"), (4, "New"), (9, "New")]
