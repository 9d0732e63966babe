"""kill -9 at named points and at random moments: what was half done is either not there or completed, never doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter

import httpx
import psycopg
import pytest

from tests.factories import engage as given
from tests.support.resend_process import running_resend


@pytest.fixture(scope="module")
def server():
    with running_resend("--rate", "0") as local:
        yield local


@pytest.fixture
def provider(server):
    httpx.delete(f"{server.url}/_inspect")
    return server


@pytest.fixture
def process(tmp_path, engage_url, crm_database, provider):
    """Starts a step of the product against this test's databases and provider."""
    home = tmp_path / "home"

    def start(step: str, pause_at: str = "") -> subprocess.Popen:
        environment = {
            **os.environ,
            "ENGAGE_HOME": str(home),
            "ENGAGE_DATABASE_URL": engage_url,
            "CRM_DATABASE_URL": crm_database,
            "DAGSTER_DATABASE_URL": engage_url,
            "RESEND_API_KEY": "re_test",
            "RESEND_API_URL": provider.url,
            "RESEND_REQUESTS_PER_SECOND": "1000",
            "SECRET_KEY": "the same for every process",
            "ENGAGE_PAUSE_AT": pause_at,
        }
        return subprocess.Popen([sys.executable, "-m", "tests.support.worker", step], env=environment)

    def kill_at(step: str, point: str) -> None:
        running = start(step, pause_at=point)
        marker = home / "paused_at"
        deadline = time.monotonic() + 30
        while not marker.exists():
            assert running.poll() is None, f"{step} ended before it came to {point}"
            assert time.monotonic() < deadline, f"{step} never came to {point}"
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()
        marker.unlink()

    start.kill_at = kill_at
    return start


def finish(process, step):
    assert process(step).wait(60) == 0


def wait_until_paused(provider):
    deadline = time.monotonic() + 20
    while not provider.paused():
        assert time.monotonic() < deadline, "the provider never got a request to hold"
        time.sleep(0.01)


def expire_leases(db):
    """What a minute of waiting does."""
    db.execute("update engage.send_batches set lease_until = now() - interval '1 second' where lease_until is not null")
    db.commit()


def assert_one_mail_each(db, provider, contacts):
    assert given.states(db) == {"sent": contacts}
    mails = Counter(mail["to"][0] for mail in provider.mails())
    assert set(mails.values()) == {1}
    assert len(mails) == contacts
    keys: dict[str, set[str]] = {}
    for request in provider.requests():
        keys.setdefault(request["idempotency_key"], set()).add(request["sha256"])
    assert all(len(bodies) == 1 for bodies in keys.values())


@pytest.fixture
def orders(crm_database):
    with psycopg.connect(crm_database, autocommit=True) as crm:
        crm.execute(
            "create table orders (id int primary key, note text, customer_id int default 7, updated_at timestamptz default now())"
        )
        crm.execute("insert into orders select g, 'n' || g from generate_series(1, 5000) g")
        yield crm


@pytest.mark.parametrize("point", ["copy", "checkpoint"])
@pytest.mark.parametrize("first_load", [True, False])
def test_a_sync_killed_half_way_leaves_nothing_and_the_next_is_complete(process, engage_db, orders, point, first_load):
    if not first_load:
        finish(process, "sync")
        orders.execute("update orders set note = 'changed', updated_at = now() where id % 2 = 0")
    before = engage_db.execute("select cursor_value, rows_total from engage.sync_checkpoints").fetchall()
    engage_db.commit()

    process.kill_at("sync", point)

    assert engage_db.execute("select cursor_value, rows_total from engage.sync_checkpoints").fetchall() == before
    exists = engage_db.execute("select to_regclass('raw_crm.orders') is not null").fetchone()[0]
    assert exists is not first_load
    engage_db.commit()

    finish(process, "sync")
    expected = orders.execute("select id, note from orders order by id").fetchall()
    assert engage_db.execute("select id, note from raw_crm.orders order by id").fetchall() == expected
    statuses = Counter(row[0] for row in engage_db.execute("select status from engage.sync_runs").fetchall())
    assert statuses == {"failed": 1, "succeeded": 1 if first_load else 2}


def test_a_refresh_killed_half_way_keeps_membership_and_history_in_step(process, engage_db):
    given.build(engage_db)
    given.add_segment(engage_db, "everybody", [1, 2, 3])
    engage_db.execute("create view segments.everybody as select unnest('{2,3,4,5}'::bigint[]) as contact_id")
    engage_db.commit()

    process.kill_at("refresh", "membership")
    members = "select array_agg(contact_id order by contact_id) from engage.segment_members"
    assert engage_db.execute(members).fetchone() == ([1, 2, 3],)
    engage_db.commit()

    finish(process, "refresh")
    assert engage_db.execute(members).fetchone() == ([2, 3, 4, 5],)
    stays = engage_db.execute(
        "select contact_id, exited_at is null from engage.segment_membership_history order by 1"
    ).fetchall()
    assert stays == [(1, False), (2, True), (3, True), (4, True), (5, True)]


def test_a_snapshot_killed_half_way_is_taken_once(process, engage_db):
    given.add_campaign(engage_db, contacts=20)
    # the process goes by the real clock, long after the campaign's time
    engage_db.execute("update engage.campaigns set window_minutes = 50000000")
    engage_db.commit()

    process.kill_at("snapshot", "snapshot")
    assert given.states(engage_db) == {}

    finish(process, "snapshot")
    finish(process, "snapshot")
    assert given.states(engage_db) == {"queued": 20}
    assert engage_db.execute("select count(*) from engage.campaign_runs").fetchone() == (1,)
