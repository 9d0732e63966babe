"""A delivery in several processes: each mail once, all end together, and one that is gone is told of."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time

import psycopg
import pytest

from activation.delivery.processes import deliver_in_processes
from activation.delivery.send import deliver
from engage_db.settings import load_settings
from tests.factories import engage as given
from tests.support.sending import assert_counted, assert_one_body_per_key, begin, expire_leases

MAILS = 24_000  # twice what two processes hold at a time


class Interrupted(Exception):
    pass


@pytest.fixture
def settings(engage_url, provider, settings_for):
    """Two processes through the local Resend, at a pace that a busy machine keeps up with, too."""
    provider.fault("slow", seconds=0.3, times=None)
    wanted = {
        "ENGAGE_DATABASE_URL": engage_url, "SECRET_KEY": "the same for every process", "DELIVERY_PROCESSES": "2",
        "RESEND_API_KEY": "re_test_secret", "RESEND_API_URL": provider.url, "RESEND_REQUESTS_PER_SECOND": "50",
    }  # fmt: skip
    for name, value in wanted.items():
        settings_for.setenv(name, value)
    load_settings.cache_clear()
    return load_settings()


def other_process(db):
    """Its number, when it has sent something."""
    for _ in range(1000):
        owners = [
            row[0] for row in db.execute("select distinct lease_owner from engage.send_batches where attempts > 0")
        ]
        others = {int(owner.split("/")[-2]) for owner in owners} - {os.getpid()}
        if others:
            return others.pop()
        time.sleep(0.02)
    raise AssertionError("the other process sent nothing")


def meanwhile(url, act):
    """Has `act` done with the number of the other process, once it sends."""

    def watch():
        with psycopg.connect(url, autocommit=True) as db:
            act(other_process(db))

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_two_processes_send_each_mail_once(engage_db, provider, settings):
    begin(engage_db, MAILS)

    report = deliver_in_processes(settings, throttled_for=None)

    assert given.states(engage_db) == {"sent": MAILS}
    assert report.batches == MAILS / 100
    assert other_process(engage_db)
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)


def test_interrupted_all_of_them_drain_at_the_same_time(engage_db, engage_url, provider, settings, delivery):
    """Row 20, for a run that is ended in Dagster."""
    begin(engage_db, MAILS)
    others = []

    def interrupt(_signum, _frame):
        raise Interrupted

    def end(pid):
        others.append((pid, time.monotonic()))
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        watching = meanwhile(engage_url, end)
        with pytest.raises(Interrupted):
            deliver_in_processes(settings, throttled_for=None)
    finally:
        watching.join()
        signal.signal(signal.SIGUSR1, before)

    ((pid, at),) = others
    assert time.monotonic() - at < 10
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    states = given.states(engage_db)
    assert states["queued"] > 0
    assert states["sent"] > 0
    assert set(states) == {"queued", "sent"}
    deliver(delivery)
    assert given.states(engage_db) == {"sent": MAILS}
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)


def test_a_process_that_is_killed_is_told_of_and_its_mails_are_sent_once(
    engage_db, engage_url, provider, settings, delivery
):
    begin(engage_db, MAILS)

    watching = meanwhile(engage_url, lambda pid: os.kill(pid, signal.SIGKILL))
    with pytest.raises(subprocess.CalledProcessError, match="SIGKILL"):
        deliver_in_processes(settings, throttled_for=None)

    watching.join()
    states = given.states(engage_db)
    assert set(states) == {"sent", "claimed"}  # what nobody held any more, the other one sent
    expire_leases(engage_db)
    deliver(delivery)
    assert given.states(engage_db) == {"sent": MAILS}
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)
