"""Fault 43: thousands of webhooks while the database is slow, stopped and started: none that was acknowledged is lost."""

from __future__ import annotations

import asyncio
import signal

import psycopg
import pytest

from engage_db import migrate
from engage_db.embedded import Cluster
from tests.support.api_process import api
from tests.support.webhook_load import storm

EVENTS, LANES = 2400, 50


@pytest.fixture(scope="module")
def durable(tmp_path_factory):
    """A cluster of our own with durability on, to be stopped in the middle of work."""
    cluster = Cluster(tmp_path_factory.mktemp("durable"), options={"shared_buffers": "128MB"})
    cluster.start(databases=("engage",))
    migrate.upgrade(cluster.url("engage"))
    yield cluster
    if cluster.is_running():
        cluster.stop()


@pytest.fixture
def server(durable, tmp_path):
    with psycopg.connect(durable.url("engage"), autocommit=True) as db:
        db.execute("truncate landing.provider_events")
    with api(durable.url("engage"), tmp_path) as running:
        yield running


def stored(cluster):
    with psycopg.connect(cluster.url("engage")) as db:
        return {row[0] for row in db.execute("select provider_event_id from landing.provider_events").fetchall()}


async def during(wanted, disturb):
    """Lets the storm blow and disturbs it once a sixth of it is acknowledged."""
    blowing = asyncio.create_task(wanted.blow(LANES))
    while len(wanted.acknowledged) < EVENTS / 6 and not blowing.done():  # noqa: ASYNC110 - two counters, no event
        await asyncio.sleep(0.01)
    await asyncio.to_thread(disturb)
    return await blowing


async def some_refused(wanted):
    while not wanted.statuses[503]:  # noqa: ASYNC110 - it is another loop's counter
        await asyncio.sleep(0.02)


def test_what_was_acknowledged_is_stored_though_the_database_is_stopped_at_once_and_comes_back(durable, server):
    wanted = storm(server.url, [f"e{number}" for number in range(EVENTS)], retries=True)

    def crash():
        durable._run("pg_ctl", "-D", str(durable.data), "-m", "immediate", "-w", "stop")
        asyncio.run(asyncio.wait_for(some_refused(wanted), 30))
        durable.start(databases=("engage",))

    asyncio.run(during(wanted, crash))

    assert wanted.statuses[503] > 0
    assert set(wanted.statuses) <= {0, 200, 503}
    assert set(wanted.acknowledged) == stored(durable) == {f"e{number}" for number in range(EVENTS)}


def test_a_database_that_holds_everybody_up_is_answered_503_and_nothing_is_lost(durable, server):
    wanted = storm(server.url, [f"s{number}" for number in range(EVENTS)], retries=True)

    def hold_up():
        with psycopg.connect(durable.url("engage")) as db:
            db.execute("lock table landing.provider_events in access exclusive mode")
            asyncio.run(asyncio.wait_for(some_refused(wanted), 30))

    asyncio.run(during(wanted, hold_up))

    assert wanted.statuses[503] > 0
    assert set(wanted.acknowledged) == stored(durable) == {f"s{number}" for number in range(EVENTS)}


def test_sigterm_under_load_ends_with_exit_0_and_what_was_acknowledged_is_stored(durable, server):
    wanted = storm(server.url, [f"t{number}" for number in range(EVENTS)])

    def end():
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=10) == 0
        wanted.waiting.clear()

    asyncio.run(during(wanted, end))

    assert 0 < len(wanted.acknowledged) < EVENTS
    assert set(wanted.acknowledged) <= stored(durable)
