"""The database stopped, cut off, and restored from a backup while sending. Rows 38, 39 of the faults."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time

import psycopg
import pytest

from activation.campaigns import commands
from activation.delivery import epoch
from activation.delivery.send import deliver
from engage_db import migrate
from engage_db.embedded import Cluster
from tests.factories import engage as given
from tests.factories.engage import NOW
from tests.support.installation import wait_for
from tests.support.sending import (
    assert_counted,
    assert_one_body_per_key,
    begin,
    delivery_of,
    expire_leases,
    resend,
)


@pytest.fixture
def own_cluster(tmp_path):
    """A cluster that the test may kill: as durable as a real one."""
    cluster = Cluster(tmp_path / "own")
    cluster.start(databases=("engage",))
    migrate.upgrade(cluster.url("engage"))
    yield cluster
    cluster.stop()


def connected(cluster):
    return psycopg.connect(cluster.url("engage"), options="-c timezone=UTC")


def in_thread(delivery):
    failed = []

    def work():
        try:
            deliver(delivery)
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    return thread, failed


def assert_the_rest_is_sent_once(db, url, provider, clock, contacts):
    """What the delivery before left in the hands of nobody is taken up by the next; both sides count the same."""
    expire_leases(db)
    deliver(delivery_of(url, resend(provider.url), clock=clock))
    assert given.states(db) == {"sent": contacts}
    assert_counted(db, provider)
    assert_one_body_per_key(provider)


def log_of(cluster):
    """What the server has written down so far."""
    return (cluster.data / "server.log").read_text(errors="replace")


def kill_postgres(cluster):
    """What a power cut does: no word to anybody, nothing flushed that was not flushed."""
    pid = int((cluster.data / "postmaster.pid").read_text().splitlines()[0])
    subprocess.run(["kill", "-QUIT", str(pid)], check=True)
    wait_for(lambda: not (cluster.data / "postmaster.pid").exists(), seconds=20, what="the end of Postgres")


def test_a_database_that_dies_amid_sending_is_waited_for_and_nobody_gets_a_second_mail(own_cluster, provider, clock):
    """Row 38: stopped at once, back after a second or two; the delivery goes on by itself."""
    with connected(own_cluster) as db:
        begin(db, 2000)
        provider.fault("slow", seconds=0.1, times=None)
        channel = resend(provider.url, rate=40, batch_size=20)
        thread, failed = in_thread(delivery_of(own_cluster.url("engage"), channel, clock=clock))
        wait_for(lambda: provider.counts()["mails"] > 100, seconds=20, what="sending")

        kill_postgres(own_cluster)
        time.sleep(1)
        own_cluster.start(databases=())
        thread.join(60)

    assert (thread.is_alive(), failed) == (False, [])
    with connected(own_cluster) as db:
        assert_the_rest_is_sent_once(db, own_cluster.url("engage"), provider, clock, 2000)


@pytest.fixture
def small_disk(tmp_path, own_cluster):
    """A file system of 16 MB on which Postgres keeps the batches."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", place]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system is not permitted here")
    try:
        owner = own_cluster.data.stat()
        (place / "batches").mkdir()
        os.chown(place / "batches", owner.st_uid, owner.st_gid)
        with psycopg.connect(own_cluster.url("engage"), autocommit=True) as db:
            db.execute(f"create tablespace small location '{place / 'batches'}'")
            db.execute("alter table engage.send_batches set tablespace small")
        yield place
    finally:
        own_cluster.stop()
        subprocess.run(["umount", "-l", place], check=True)


def test_a_disk_that_is_full_is_waited_for_and_nobody_gets_a_second_mail(own_cluster, small_disk, provider, clock):
    """Row 38: no room for the bytes of the next batches, until somebody makes some."""
    ballast = small_disk / "ballast"
    with connected(own_cluster) as db:
        begin(db, 2000)
        free = os.statvfs(small_disk)
        ballast.write_bytes(bytes(free.f_bavail * free.f_frsize - 256 * 1024))
        channel = resend(provider.url, rate=40, batch_size=20)
        thread, failed = in_thread(delivery_of(own_cluster.url("engage"), channel, clock=clock))
        wait_for(lambda: log_of(own_cluster).count("No space left on device") > 1, seconds=30, what="a full disk")
        sent_before = provider.counts()["mails"]

        ballast.unlink()
        thread.join(60)

    assert (thread.is_alive(), failed) == (False, [])
    assert 0 < sent_before < 2000
    with connected(own_cluster) as db:
        assert_the_rest_is_sent_once(db, own_cluster.url("engage"), provider, clock, 2000)


def test_connections_that_are_cut_again_and_again_cost_nobody_a_mail(engage_db, engage_url, provider, clock):
    """Row 38."""
    begin(engage_db, 1500)
    provider.fault("slow", seconds=0.05, times=None)
    thread, failed = in_thread(delivery_of(engage_url, resend(provider.url, rate=40, batch_size=20), clock=clock))
    wait_for(lambda: provider.counts()["mails"], seconds=20, what="sending")

    for _ in range(8):
        engage_db.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = 'engage delivery' and datname = current_database()"
        )
        engage_db.commit()
        time.sleep(0.4)
    thread.join(60)

    assert failed == []
    assert_the_rest_is_sent_once(engage_db, engage_url, provider, clock, 1500)


def test_a_database_restored_from_before_sending_sends_nothing_without_a_persons_word(
    own_cluster, provider, clock, tmp_path
):
    """Row 39: the data directory copied amid the campaign is put back after it was sent to its end."""
    home, backup = tmp_path / "home", tmp_path / "backup"
    url = own_cluster.url("engage")
    with connected(own_cluster) as db:
        begin(db, 200)
        assert epoch.check(db, home, now=NOW) is None
    own_cluster.stop()
    subprocess.run(["cp", "-a", own_cluster.data, backup], check=True)
    own_cluster.start(databases=())
    deliver(delivery_of(url, resend(provider.url), clock=clock, home=home))
    assert provider.counts()["mails"] == 200

    own_cluster.stop()
    shutil.rmtree(own_cluster.data)
    subprocess.run(["cp", "-a", backup, own_cluster.data], check=True)
    own_cluster.start(databases=())

    with connected(own_cluster) as db:
        said = [epoch.check(db, home, now=NOW) for _ in range(2)]
        db.commit()
        assert all("was restored from a backup" in words for words in said)
        assert commands.find(db, "sale").state == "paused"
        deliver(delivery_of(url, resend(provider.url), clock=clock, home=home))
        assert given.states(db) == {"queued": 200}
        assert provider.counts()["mails"] == 200
        assert epoch.check(db, home, now=NOW) is not None, "a delivery that was started all the same confirms nothing"

        mailed = db.execute("select max(message_id) from engage.campaign_messages").fetchone()[0]
        epoch.confirm(db, home)
        assert epoch.check(db, home, now=NOW) is None
        following = db.execute(
            "select nextval(pg_get_serial_sequence('engage.campaign_messages', 'message_id'))"
        ).fetchone()
        assert following[0] > mailed + 1_000_000, "numbers mailed since the backup are never somebody else's"
        commands.resume(db, "sale", now=NOW)
        db.commit()
        deliver(delivery_of(url, resend(provider.url), clock=clock, home=home))
        assert_one_body_per_key(provider)
        assert set(provider.recipients().values()) == {1}, "the same keys met the provider's memory"


def test_how_far_a_database_has_come_is_noted_only_upwards(tmp_path):
    """Row 39: neither a slower process nor a restored database makes the mark lower; a person does."""
    epoch.note(tmp_path, epoch.Seen("e", 7))
    epoch.note(tmp_path, epoch.Seen("e", 5))
    epoch.note(tmp_path, epoch.Seen("other", 9))

    assert json.loads((tmp_path / epoch.FILE).read_text()) == {"epoch": "e", "batches": 7}
