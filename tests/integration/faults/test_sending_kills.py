"""Senders killed, frozen and told to stop: nobody gets a second mail, nobody is forgotten. Rows 18-21, 31 of the faults."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from datetime import UTC, datetime

import psycopg
import pytest

from activation.campaigns import runs
from activation.delivery import batches
from activation.delivery.batches import Claim
from tests.factories import engage as given
from tests.factories.engage import NOW
from tests.support.installation import wait_for
from tests.support.sending import assert_counted, assert_one_body_per_key, begin, expire_leases, resend


def test_senders_killed_at_fifty_random_moments_send_everybody_exactly_one_mail(engage_db, provider, senders):
    """Row 18."""
    begin(engage_db, 2500)
    provider.fault("slow", seconds=0.1, times=None)
    chance, amid = random.Random(18), 0

    for _ in range(50):
        sender = senders.start(rate=12, batch_size=10)
        time.sleep(0.1 + 0.5 * chance.random())
        sender.kill()
        expire_leases(engage_db)
        amid += given.states(engage_db).get("queued", 0) > 0
        assert engage_db.execute("select bool_and(adds_up) from engage.campaign_run_counts").fetchone() == (True,)
        engage_db.commit()
    provider.clear_faults()
    senders.run(batch_size=10)

    assert amid == 50
    assert given.states(engage_db) == {"sent": 2500}
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)


@pytest.mark.parametrize("point", ["claimed", "frozen", "answered"])
def test_a_sender_killed_at_a_named_point_is_completed_without_a_second_mail(engage_db, provider, senders, point):
    """Row 18, the named points."""
    begin(engage_db, 250)

    senders.kill_at(point)
    expire_leases(engage_db)
    senders.run()

    assert given.states(engage_db) == {"sent": 250}
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)


def test_a_sender_killed_while_the_provider_holds_its_answer_uses_the_same_key_and_bytes(engage_db, provider, senders):
    """Row 19: killed after the provider took the mails and before anything was written back."""
    begin(engage_db, 50)
    provider.fault("pause_answer")
    sender = senders.start()
    wait_for(provider.paused, seconds=20, what="a held answer")
    sender.kill()
    provider.release()

    expire_leases(engage_db)
    senders.run()

    assert given.states(engage_db) == {"sent": 50}
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)
    assert len(provider.requests()) == 2


@pytest.mark.parametrize("fault", ["accept_then_cut", "cut_mid_answer"])
def test_a_provider_that_accepts_and_cuts_the_socket_is_asked_again_with_the_same_key(
    engage_db, provider, senders, fault
):
    """Row 20."""
    begin(engage_db, 300)
    provider.fault(fault, times=3)

    senders.run()

    assert given.states(engage_db) == {"sent": 300}
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)
    assert len(provider.requests()) == 6


def test_a_sender_frozen_past_its_lease_changes_nothing_when_it_wakes(engage_db, provider, senders):
    """Row 21."""
    rows = "select message_id, state, provider_message_id, sent_at from engage.campaign_messages order by 1"
    begin(engage_db, 30)
    provider.fault("pause_answer")
    sleeper = senders.start()
    wait_for(provider.paused, seconds=20, what="a held answer")
    sleeper.signal(signal.SIGSTOP)
    provider.release()
    expire_leases(engage_db)
    senders.run()
    before = engage_db.execute(rows).fetchall()
    engage_db.commit()

    sleeper.signal(signal.SIGCONT)
    assert sleeper.wait() == 0

    assert engage_db.execute(rows).fetchall() == before
    engage_db.commit()
    assert given.states(engage_db) == {"sent": 30}
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)


@pytest.mark.parametrize("point", ["claimed", "frozen"])
def test_a_sender_frozen_before_it_sent_a_byte_sends_none_of_it_when_it_wakes(engage_db, provider, senders, point):
    """Row 21, before the first byte: its rows left in other batches meanwhile."""
    begin(engage_db, 40)
    sleeper = senders.start(pause_at=point)
    marker = senders.home / "paused_at"
    wait_for(marker.exists, seconds=20, what=point)
    sleeper.signal(signal.SIGSTOP)
    expire_leases(engage_db)
    senders.run()

    sleeper.signal(signal.SIGCONT)
    marker.unlink()
    assert sleeper.wait() == 0

    assert given.states(engage_db) == {"sent": 40}
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)


def test_a_sender_that_freezes_in_the_middle_of_a_claim_keeps_nobody_from_claiming(engage_db, engage_url):
    """Row 21: this thread does nothing more for the claim from the moment on at which it holds the lock of its channel."""
    run_id = begin(engage_db, 500)
    engage_db.execute(
        "update engage.campaign_messages set tokens = json_build_object('first_name', repeat('x', 20000))"
    )
    engage_db.commit()  # ten megabytes: more than lies ready in the buffers of a connection that nobody reads
    held = "select count(*) from pg_locks where locktype = 'advisory' and objsubid = 2"

    async def claim_and_freeze():
        async with await psycopg.AsyncConnection.connect(engage_url, autocommit=True) as frozen:
            mine = asyncio.create_task(
                batches.claim(
                    frozen, Claim(run_id, "email", True, "w", "o"), resend("http://unused"), most=500, now=NOW
                )
            )
            with psycopg.connect(engage_url, autocommit=True, options="-c lock_timeout=3s") as other:
                while not mine.done() and other.execute(held).fetchone() == (0,):  # noqa: ASYNC110 - step by step, as far as the lock
                    await asyncio.sleep(0)
                other.execute(batches.SQL.lock_caps, {"channel": "email"})
            return await mine

    assert sum(len(batch.rows) for batch in asyncio.run(claim_and_freeze())) == 500


def test_a_claim_that_waits_for_a_providers_day_holds_no_run(engage_db, engage_url):
    """Whoever gives mails back has locked the day and asks for the run next: the two would wait for each other."""
    run_id = begin(engage_db, 10)
    engage_db.execute(
        "insert into engage.send_quotas (quota, tokens, refilled_at, daily_limit, day, used_today) "
        "values ('provider/resend', 0, %s, 100, %s, 0)",
        [NOW, NOW.date()],
    )
    engage_db.commit()
    waiting = "select count(*) from pg_locks where not granted"

    async def claim_while_the_day_is_locked():
        async with await psycopg.AsyncConnection.connect(engage_url, autocommit=True) as claiming:
            with psycopg.connect(engage_url, options="-c lock_timeout=3s") as giving:
                giving.execute("select from engage.send_quotas where quota = 'provider/resend' for update")
                claim = Claim(run_id, "email", True, "w", "o")
                mine = asyncio.create_task(batches.claim(claiming, claim, resend("http://unused"), most=10, now=NOW))
                while giving.execute(waiting).fetchone() == (0,):  # noqa: ASYNC110 - step by step, as far as the lock
                    await asyncio.sleep(0)
                giving.execute("select from engage.campaign_runs where campaign_run_id = %s for share", [run_id])
            return await mine

    assert sum(len(batch.rows) for batch in asyncio.run(claim_while_the_day_is_locked())) == 10


def test_a_sender_told_to_stop_drains_within_ten_seconds_and_the_run_is_not_finished(engage_db, provider, senders):
    """Row 31: a deploy or a changed setting while sending."""
    begin(engage_db, 3000)
    provider.fault("slow", seconds=0.3, times=None)
    sender = senders.start(rate=30, batch_size=20)
    wait_for(lambda: provider.counts()["mails"] > 60, seconds=20, what="sending")

    told = time.monotonic()
    sender.signal(signal.SIGTERM)
    code = sender.wait(10)
    took = time.monotonic() - told

    states = given.states(engage_db)
    assert (code, took < 10) == (0, True)
    assert states["queued"] > 0
    assert "claimed" not in states
    assert runs.finish(engage_db, now=datetime.now(UTC)) == []
    assert_counted(engage_db, provider)

    provider.clear_faults()
    senders.run(rate=1000, batch_size=50)
    assert given.states(engage_db) == {"sent": 3000}
    assert runs.finish(engage_db, now=datetime.now(UTC)) == ["sale"]
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)


def test_a_sender_told_to_stop_while_its_provider_hangs_is_gone_in_time_and_nothing_is_lost(
    engage_db, provider, senders
):
    """Row 31, when draining cannot end: what is on its way keeps its key and bytes for the next."""
    begin(engage_db, 100)
    provider.fault("accept_then_hang", seconds=15)
    sender = senders.start()
    wait_for(provider.paused, seconds=20, what="a hanging answer")

    sender.signal(signal.SIGTERM)
    assert sender.wait(10) == 0

    assert given.states(engage_db) == {"claimed": 100}
    expire_leases(engage_db)
    senders.run()
    assert given.states(engage_db) == {"sent": 100}
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)
