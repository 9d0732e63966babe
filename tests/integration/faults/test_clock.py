"""Schedulers that were away, came twice, or met a clock change. Rows 32, 33 of the faults."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from activation.campaigns import commands, runs
from activation.delivery.send import deliver
from tests.factories import engage as given
from tests.factories.engage import NOW
from tests.support.sending import begin, delivery_of, resend


def planned(db):
    found = db.execute("select scheduled_for, state from engage.campaign_runs order by 1").fetchall()
    db.commit()
    return found


def test_two_daemons_that_plan_at_once_make_one_run(engage_db, engage_url):
    """Row 32: eight of them, let go together; and a tick that comes again."""
    campaign = given.add_campaign(engage_db)
    barrier, made = threading.Barrier(8), []

    def tick():
        with psycopg.connect(engage_url, options="-c timezone=UTC") as db:
            barrier.wait()
            made.extend(runs.plan(db, due.campaign_id, due.scheduled_for, now=NOW) for due in runs.due(db, now=NOW))

    threads = [threading.Thread(target=tick) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert planned(engage_db) == [(campaign.next_run_at, "preparing")]
    assert len(set(made)) == 1
    assert runs.plan(engage_db, campaign.campaign_id, campaign.next_run_at, now=NOW) == made[0]


@pytest.mark.parametrize(
    ("hours_late", "state"), [(1, "preparing"), (23.9, "preparing"), (24.1, "missed")], ids=["1 h", "23.9 h", "24.1 h"]
)
def test_a_broadcast_whose_time_passed_while_nothing_ran_runs_inside_its_window_else_is_missed(
    engage_db, hours_late, state
):
    """Row 32."""
    campaign = given.add_campaign(engage_db)
    moment = NOW + timedelta(hours=hours_late)

    runs.plan(engage_db, campaign.campaign_id, campaign.next_run_at, now=moment)

    assert planned(engage_db) == [(NOW, state)]
    assert commands.find(engage_db, "sale").state == state
    assert runs.due(engage_db, now=moment) == []


def test_of_many_times_that_passed_the_last_one_runs_once(engage_db):
    """Row 32: an automation every hour, three days away."""
    campaign = given.add_campaign(engage_db, cron="0 * * * *")
    moment = NOW + timedelta(days=3, minutes=20)

    runs.plan(engage_db, campaign.campaign_id, campaign.next_run_at, now=moment)

    assert planned(engage_db) == [(NOW + timedelta(days=3), "preparing")]
    assert commands.find(engage_db, "sale").next_run_at == NOW + timedelta(days=3, hours=1)


def times_of(db, *, cron, zone, begins, days):
    """What an automation does from a local day on, ticked every ten minutes."""
    campaign = given.add_campaign(db, cron=cron)
    start = datetime.combine(begins, datetime.min.time(), ZoneInfo(zone)).astimezone(UTC)
    db.execute("update engage.campaigns set state = 'draft', time_zone = %s, next_run_at = null", [zone])
    commands.launch(db, "sale", now=start)
    db.commit()
    for tick in range(days * 144):
        for due in runs.due(db, now=start + timedelta(minutes=10 * tick)):
            runs.plan(db, campaign.campaign_id, due.scheduled_for, now=start + timedelta(minutes=10 * tick))
    return [moment.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M") for moment, _ in planned(db)]


@pytest.mark.parametrize(
    ("cron", "zone", "begins", "days", "expected"),
    [
        ("30 2 * * *", "Europe/Rome", (2027, 3, 27), 3, ["03-27 02:30", "03-28 03:00", "03-29 02:30"]),
        ("30 2 * * *", "Europe/Rome", (2027, 10, 30), 3, ["10-30 02:30", "10-31 02:30", "11-01 02:30"]),
        ("30 1 * * *", "America/New_York", (2027, 11, 6), 3, ["11-06 01:30", "11-07 01:30", "11-08 01:30"]),
        ("0 9 29 2 *", "Europe/Rome", (2028, 2, 28), 3, ["02-29 09:00"]),
        ("0 0 * * *", "Africa/Cairo", (2027, 4, 29), 3, ["04-30 01:00", "05-01 00:00", "05-02 00:00"]),
    ],
    ids=["gap", "fold", "fold in New York", "leap day", "gap at midnight"],
)
def test_an_automation_runs_once_in_the_right_local_hour_when_clocks_change(
    engage_db, cron, zone, begins, days, expected
):
    """Row 33."""
    found = times_of(engage_db, cron=cron, zone=zone, begins=datetime(*begins).date(), days=days)

    assert found == expected


def test_a_clock_that_goes_back_an_hour_runs_nothing_twice(engage_db):
    """Row 33."""
    campaign = given.add_campaign(engage_db, cron="0 * * * *")
    first = campaign.next_run_at
    runs.plan(engage_db, campaign.campaign_id, first, now=first)

    back = first - timedelta(hours=1)

    assert runs.due(engage_db, now=back) == []
    assert runs.plan(engage_db, campaign.campaign_id, first, now=back) is not None
    assert planned(engage_db) == [(first, "preparing")]


def test_a_zone_that_is_changed_counts_from_the_next_time(engage_db):
    """Row 33."""
    given.add_campaign(engage_db, cron="0 9 * * *")

    moved = commands.update(engage_db, "sale", now=NOW, time_zone="America/New_York")

    assert moved.next_run_at == datetime(2026, 11, 20, 14, 0, tzinfo=UTC)


def test_a_clock_that_goes_back_amid_sending_delays_and_doubles_nothing(engage_db, engage_url, provider, clock):
    """Row 33: also under a throttle; the bucket never holds less than nothing."""
    begin(engage_db, 60, messages_per_minute=6000)
    clock.ahead = timedelta(hours=1)
    first = delivery_of(engage_url, resend(provider.url, batch_size=10), clock=clock, throttled_for=timedelta(0))
    deliver(first)
    clock.ahead = timedelta()

    deliver(delivery_of(engage_url, resend(provider.url, batch_size=10), clock=clock))

    tokens = engage_db.execute("select min(tokens) from engage.send_quotas").fetchone()[0]
    engage_db.commit()
    assert tokens >= 0
    assert given.states(engage_db) == {"sent": 60}
    assert set(provider.recipients().values()) == {1}
