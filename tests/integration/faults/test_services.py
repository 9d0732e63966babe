"""SIGTERM to the services under load: drained, exit 0, nothing lost. Row 66 of the faults."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from datetime import UTC, datetime

import pytest

from activation.campaigns import trigger
from activation.campaigns.audience import Policy
from tests.factories import engage as given
from tests.support.installation import ENGAGE, ROOT, free_port, wait_for
from tests.support.sending import assert_counted, assert_one_body_per_key, many


@pytest.fixture
def service(engage_url, provider, tmp_path):
    """Starts `engage …` against this test's database and provider."""
    running = []

    def start(*arguments):
        environment = {
            **os.environ,
            "ENGAGE_HOME": str(tmp_path / "home"),
            "ENGAGE_DATABASE_URL": engage_url,
            "CRM_DATABASE_URL": engage_url,
            "DAGSTER_DATABASE_URL": engage_url,
            "RESEND_API_KEY": "re_test",
            "RESEND_API_URL": provider.url,
            "RESEND_REQUESTS_PER_SECOND": "10",
            "SECRET_KEY": "the same for every process",
            "MAIL_FROM": "Shop <news@shop.test.dev>",
        }
        process = subprocess.Popen(
            [ENGAGE, *arguments], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()


def ended(process):
    """Its exit code and how long it took, once told to stop."""
    told = time.monotonic()
    process.send_signal(signal.SIGTERM)
    return process.wait(20), time.monotonic() - told


def triggered(db, contacts):
    """A triggered campaign, and its message queued for that many contacts, a run each ten."""
    many(db, contacts)
    db.execute(
        "update engage.campaigns set kind = 'triggered', segment_id = null, state = 'scheduled', next_run_at = null"
    )
    db.commit()
    given.pass_data_tests(db, now=datetime.now(UTC))
    for first in range(1, contacts, 10):
        trigger.trigger(
            db, "sale", range(first, first + 10), sender="Shop <news@shop.test.dev>", provider="resend", policy=Policy(),
            now=datetime.now(UTC),
        )  # fmt: skip
        db.commit()


@pytest.mark.slow
def test_the_worker_told_to_stop_amid_sending_drains_and_the_next_goes_on(engage_db, provider, service):
    """Row 66."""
    triggered(engage_db, 300)
    provider.fault("slow", seconds=0.3, times=None)
    worker = service("worker")
    wait_for(lambda: provider.counts()["mails"] > 20, seconds=60, what="sending")

    code, seconds = ended(worker)

    states = given.states(engage_db)
    assert (code, seconds < 10) == (0, True)
    assert states["queued"] > 0
    assert_counted(engage_db, provider)
    provider.clear_faults()
    engage_db.execute(
        "update engage.send_batches set lease_until = now() - interval '1 second' where lease_until > now()"
    )
    engage_db.commit()
    second = service("worker")
    wait_for(lambda: given.states(engage_db) == {"sent": 300}, seconds=90, what="the end")
    assert ended(second)[0] == 0
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)


@pytest.mark.slow
def test_the_api_told_to_stop_under_load_ends_with_zero_in_time(engage_db, service):
    """Row 66."""
    import httpx

    many(engage_db, 1)
    port = free_port()
    api = service("api", "--port", str(port))
    url = f"http://127.0.0.1:{port}/u/nobody"

    def answers():
        try:
            return httpx.get(url, trust_env=False, timeout=5).status_code
        except httpx.HTTPError:
            return None

    wait_for(answers, seconds=60, what="an answer")
    for _ in range(50):
        answers()

    code, seconds = ended(api)

    assert (code, seconds < 10) == (0, True)
