"""The pace holds whoever works, whatever restarts. Rows 22 and 40 of the faults."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import timedelta

import psycopg
import pytest

from activation.campaigns import commands, runs
from activation.delivery import batches
from activation.delivery.batches import Claim
from activation.delivery.providers import SQL as PROVIDERS
from activation.delivery.send import deliver
from tests.factories import engage as given
from tests.factories.engage import NOW
from tests.support.sending import assert_counted, assert_one_body_per_key, begin, delivery_of, resend


def most_in_a_window(moments, seconds):
    """The largest number of moments within any window of so many seconds."""
    moments, first, most = sorted(moments), 0, 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_the_providers_rate_holds_over_all_workers(engage_db, provider, senders, workers):
    """Row 22: measured from the times at which the provider got requests."""
    begin(engage_db, 800)

    started = [senders.start(rate=20, batch_size=10, share=(share, workers)) for share in range(workers)]
    codes = [sender.wait() for sender in started]

    requests = [request["at"] for request in provider.requests()]
    assert codes == [0] * workers
    assert given.states(engage_db) == {"sent": 800}
    # 20 a second, the burst of two, and a few that were held up on their way by a busy machine
    assert most_in_a_window(requests, 1.0) <= 28
    assert most_in_a_window(requests, 3.0) <= 68
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)


def test_a_share_whose_worker_is_gone_is_sent_by_the_others(engage_db, provider, senders):
    """Row 22: of two shares one is not served; whoever is done with the other sends that, too."""
    begin(engage_db, 100)

    senders.run(share=(0, 2))

    assert given.states(engage_db) == {"sent": 100}
    assert_counted(engage_db, provider)


class Simulation:
    """Workers that claim on a clock of the test's own and have everything accepted at once."""

    def __init__(self, url, run_id, channel):
        self.url, self.channel = url, channel
        self.claims = [Claim(run_id, "email", True, "test/e", f"worker {n}") for n in range(3)]
        self.times = []

    async def run(self, moments):
        db = await psycopg.AsyncConnection.connect(self.url, autocommit=True, options="-c timezone=UTC")
        async with db:
            for number, now in enumerate(moments):
                claim = self.claims[number % len(self.claims)]
                held = await batches.claim(db, claim, self.channel, most=1000, now=now)
                self.times += [now.timestamp()] * sum(len(batch.message_ids) for batch in held)
                await db.execute(
                    "update engage.campaign_messages set state = 'sent', sent_at = %s where state = 'claimed'", [now]
                )
                await db.execute("update engage.send_batches set state = 'accepted'")


def test_nine_hundred_a_minute_are_kept_over_eight_thousand_rows_and_a_restart(engage_db, engage_url, provider):
    """Row 40: a clock of our own, three workers whose clocks differ by a second, an hour of stillness in the middle."""
    run_id = begin(engage_db, 8_000, messages_per_minute=900)
    simulation = Simulation(engage_url, run_id, resend(provider.url))
    start = NOW + timedelta(seconds=1)

    def moments(begins, seconds):
        skews = (timedelta(), timedelta(seconds=1), timedelta(seconds=-1))
        return [begins + timedelta(seconds=second) + skews[second % 3] for second in range(seconds)]

    asyncio.run(simulation.run(moments(start, 240)))
    before = given.states(engage_db)
    unfinished = runs.finish(engage_db, now=NOW)
    asyncio.run(simulation.run(moments(start + timedelta(hours=1), 320)))

    assert 240 * 15 - 60 <= before["sent"] <= 240 * 15 + 60
    assert unfinished == []
    assert most_in_a_window(simulation.times, 1.0) <= 60
    assert most_in_a_window(simulation.times, 60.0) <= 900 + 45
    assert given.states(engage_db) == {"sent": 8_000}
    assert max(simulation.times) - (start + timedelta(hours=1)).timestamp() >= (8_000 - before["sent"] - 60) / 15
    assert runs.finish(engage_db, now=NOW) == ["sale"]


@pytest.mark.slow
def test_one_real_minute_under_a_throttle_sends_what_it_allows_spread_evenly(engage_db, engage_url, provider, clock):
    """Row 40, against the clock on the wall."""
    begin(engage_db, 300, messages_per_minute=240)

    began = time.time()
    deliver(delivery_of(engage_url, resend(provider.url), clock=clock, throttled_for=timedelta(seconds=60)))

    mails = [mail["at"] for mail in provider.mails() if mail["at"] - began < 60]
    assert 200 <= len(mails) <= 248
    assert most_in_a_window(mails, 10.0) <= 48
    assert_counted(engage_db, provider)


def test_a_throttle_set_while_sending_counts_from_the_next_claim(engage_db, engage_url, provider, clock):
    begin(engage_db, 3000)
    provider.fault("slow", seconds=0.1, times=None)
    stop = threading.Event()
    delivery = delivery_of(engage_url, resend(provider.url, rate=20, batch_size=10), clock=clock, stop=stop)
    thread = threading.Thread(target=deliver, args=(delivery,))
    thread.start()
    time.sleep(1)
    commands.throttle(engage_db, "sale", messages_per_minute=60, now=clock())
    engage_db.commit()
    time.sleep(1.5)
    before = provider.counts()["mails"]
    time.sleep(3)
    after = provider.counts()["mails"]
    stop.set()
    thread.join()

    assert before > 10
    assert 1 <= after - before <= 5
    assert_counted(engage_db, provider)


def test_a_bucket_is_filled_once_by_workers_whose_clocks_differ_and_never_below_zero_by_one_that_goes_back(engage_db):
    """Rows 33 and 40, for the pace of a provider."""
    engage_db.execute(
        PROVIDERS.open_bucket,
        {"quota": "provider/x", "rate": 10.0, "burst": 1.0, "daily_limit": None, "now": NOW},
    )

    def draw(seconds):
        asked = {"quota": "provider/x", "wanted": 5, "now": NOW + timedelta(seconds=seconds)}
        turns = engage_db.execute(PROVIDERS.draw, asked).fetchone()[0]
        assert engage_db.execute("select tokens >= 0 from engage.send_quotas").fetchone() == (True,)
        return turns

    assert sum(draw(skew) for skew in (0, 5, 0, 5, 0, 5)) == 2
    assert draw(-3600) == 0
    assert draw(-3599) == 1


def test_a_daily_limit_ends_the_delivery_until_the_next_day(engage_db, engage_url, provider, clock):
    begin(engage_db, 30)
    delivery = delivery_of(engage_url, resend(provider.url, batch_size=10), clock=clock)
    engage_db.execute(
        "insert into engage.channel_providers (provider, daily_limit, updated_at, updated_by) values ('resend', 20, now(), 't')"
    )
    engage_db.commit()

    deliver(delivery)

    assert given.states(engage_db) == {"sent": 20, "queued": 10}
    clock.ahead = timedelta(days=1)
    deliver(delivery)
    assert given.states(engage_db) == {"sent": 30}
    assert_counted(engage_db, provider)
