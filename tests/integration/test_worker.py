"""`engage worker` as a process: woken by what lands, drained by SIGTERM, nothing lost when killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import psycopg
import pytest

from activation.duties import LiveSegments
from activation.events.publish import PublishedEvent, publish
from activation.segments import commands, refresh
from engage_db.settings import PROJECT_ROOT
from tests.factories import engage as factory

NOW = datetime.now(UTC)
READERS = {"version": 1, "where": {"type": "event_count", "event": "page_viewed", "window": {"last_days": 7}}}
PATIENCE = 20


@pytest.fixture
def db(engage_url, settings_for):
    with psycopg.connect(engage_url, autocommit=True, options="-c timezone=UTC") as connection:
        factory.build(connection)
        factory.pass_data_tests(connection, now=NOW)
        for number in range(1, 6):
            factory.add_contact(connection, number)
        # as the views of schema `live` do: what was published is an event before any build
        connection.execute(
            "create or replace view live.live_events as select gen_random_uuid() as event_id, contact_id, event_name, occurred_at, 'landing.events' as source, "
            "source_key, value, currency, properties, received_at as recorded_at from landing.events"
        )
        commands.create(
            connection,
            "readers",
            kind="rules",
            title="Readers",
            definition=READERS,
            refresh="live",
            actor="ada",
            now=NOW,
        )
        refresh.refresh(connection, "readers", now=NOW)
        yield connection


@pytest.fixture
def start(engage_url, tmp_path):
    running = []

    def start(**environment):
        process = subprocess.Popen(
            [sys.executable, "-m", "console.main", "worker"],
            cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "ENGAGE_DATABASE_URL": engage_url, "ENGAGE_HOME": str(tmp_path), **environment},
        )  # fmt: skip
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()


def tell(db, contact_id, key="1"):
    publish(
        db,
        [PublishedEvent(id=key, contact_id=contact_id, name="page_viewed", occurred_at=datetime.now(UTC))],
        now=datetime.now(UTC),
    )


def members(db):
    return [row["contact_id"] for row in commands.members(db, "readers")]


def wait_until(condition, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_a_published_event_makes_a_member_within_seconds_and_sigterm_ends_the_worker(db, start):
    worker = start()
    tell(db, 1)  # while it starts: what landed before it listened is not lost
    wait_until(lambda: members(db) == [1])

    tell(db, 2)
    # woken by it: at the next look without being woken it would be later
    wait_until(lambda: members(db) == [1, 2], seconds=LiveSegments.look_seconds - 3)
    worker.send_signal(signal.SIGTERM)

    assert worker.wait(timeout=10) == 0


def test_a_worker_killed_in_the_middle_of_a_round_loses_nothing(db, start):
    worker = start(ENGAGE_PAUSE_AT="live")
    tell(db, 3)
    wait_until(
        lambda: (
            db.execute(
                "select count(*) from pg_stat_activity where application_name = 'engage worker' and state = 'idle in transaction'"
            ).fetchone()
            == (1,)
        )
    )
    worker.send_signal(signal.SIGKILL)
    worker.wait()

    wait_until(lambda: db.execute("select count(*) from engage.live_changes").fetchone() == (1,))
    assert members(db) == []
    start()
    wait_until(lambda: members(db) == [3])
    assert db.execute("select count(*) from engage.segment_membership_history").fetchone() == (1,)


def test_two_workers_share_the_changes(db, start):
    start()
    start()
    for number in range(1, 6):
        tell(db, number)

    wait_until(lambda: members(db) == [1, 2, 3, 4, 5])
    assert db.execute("select size from engage.segments where key = 'readers'").fetchone() == (5,)


def test_a_worker_whose_connection_is_cut_comes_back(db, start):
    start()
    tell(db, 1)
    wait_until(lambda: members(db) == [1])
    db.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'engage worker' and datname = current_database()"
    )
    tell(db, 2)

    wait_until(lambda: members(db) == [1, 2])


def test_the_same_event_published_again_is_the_same_event(db):
    tell(db, 1, "a")
    tell(db, 1, "a")

    assert db.execute("select count(*) from landing.events").fetchone() == (1,)
    assert db.execute("select count(*) from engage.live_changes").fetchone() == (1,)
