"""Events that a provider's webhooks never brought: it is asked for them, against the local Resend."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from activation.channels.registry import status_readers
from activation.delivery import outcomes, repair
from activation.delivery.send import deliver
from engage_db.settings import Settings
from tests.support.provider_settings import LocalSettings, resend_at
from tests.support.resend_process import running_resend
from tests.support.sending import Clock, begin, delivery_of, resend

SETTINGS = Settings(_env_file=None)
LATER = timedelta(hours=2)


@pytest.fixture(scope="module")
def provider():
    with running_resend("--rate", "0") as local:
        yield local


@pytest.fixture
def sent(engage_db, engage_url, provider):
    """Resend's ids by our message ids of four mails that it took; its webhooks never came."""
    begin(engage_db, 4)
    engage_db.commit()
    deliver(delivery_of(engage_url, resend(provider.url), clock=Clock()))
    engage_db.autocommit = True
    return dict(
        engage_db.execute(
            "select message_id, provider_message_id from engage.campaign_messages where state = 'sent' order by 1"
        ).fetchall()
    )


def ask(db, provider, *, after=LATER, wait=lambda _seconds: False, **options):
    reader = status_readers(resend_at(provider.url))["resend"]
    return repair.repair(db, "resend", reader, now=datetime.now(UTC) + after, wait=wait, **options)


def states(db):
    outcomes.process(db, now=datetime.now(UTC) + LATER, settings=SETTINGS)
    return [row[0] for row in db.execute("select state from engage.campaign_messages order by message_id").fetchall()]


def test_what_the_provider_knows_counts_as_if_its_webhook_had_come(engage_db, provider, sent):
    provider.tell(dict(zip(sent.values(), ("delivered", "bounced", "clicked", "sent"), strict=True)))

    report = ask(engage_db, provider)

    assert report == repair.RepairReport(asked=4, landed=3)
    assert states(engage_db) == ["delivered", "bounced", "delivered", "sent"]
    told = engage_db.execute("select type, detail from engage.message_events order by message_id").fetchall()
    assert told == [("delivered", {}), ("bounced", {"bounce": "soft"}), ("delivered", {})]


def test_what_is_known_is_not_asked_again_and_what_is_told_twice_counts_once(engage_db, provider, sent):
    provider.tell(dict.fromkeys(sent.values(), "delivery_delayed"))

    first, second = ask(engage_db, provider), ask(engage_db, provider)
    provider.tell(dict.fromkeys(sent.values(), "complained"))
    third, fourth = ask(engage_db, provider), ask(engage_db, provider)

    assert [(one.asked, one.landed) for one in (first, second, third, fourth)] == [(4, 4), (4, 0), (4, 4), (0, 0)]
    states(engage_db)
    assert ask(engage_db, provider).asked == 0
    assert engage_db.execute("select count(*), count(distinct contact_id) from engage.suppressions").fetchone() == (
        4,
        4,
    )


@pytest.mark.parametrize("after", [timedelta(minutes=59), timedelta(days=3, minutes=1)])
def test_what_is_fresh_or_old_is_left_alone(engage_db, provider, sent, after):
    assert len(sent) == 4

    assert ask(engage_db, provider, after=after).asked == 0


def test_a_run_asks_about_so_many_at_half_the_pace_and_the_next_ones_about_others(engage_db, provider, sent):
    provider.tell(dict.fromkeys(sent.values(), "delivered"))
    waits = []
    before = provider.requests()

    reports = [
        ask(engage_db, provider, after=LATER + timedelta(hours=hours), most=2, wait=waits.append) for hours in range(3)
    ]

    assert [(one.asked, one.landed) for one in reports] == [(2, 2), (2, 2), (0, 0)]
    assert waits == [pytest.approx(2 / 1000)] * 2
    assert len(provider.requests()) - len(before) == len(sent)


def test_a_provider_that_does_not_answer_is_asked_no_more_in_this_run(engage_db, sent):
    with running_resend("--rate", "0", "--api-key", "re_other") as other:
        report = ask(engage_db, other)

        assert (report.asked, report.landed) == (0, 0)
        assert report.problem is not None
        assert report.problem.startswith("Resend 403")
        assert "re_test" not in report.problem
        assert len(other.requests()) == 1
    assert states(engage_db) == ["sent"] * len(sent)


def test_mails_that_the_provider_does_not_know_are_no_news(engage_db, sent):
    with running_resend("--rate", "0") as other:
        assert ask(engage_db, other) == repair.RepairReport(asked=len(sent))


def test_two_processes_never_ask_at_the_same_time(engage_db, engage_url, provider, sent):
    with psycopg.connect(engage_url) as first:
        first.execute(repair.SQL.take_turn, {"provider": "resend"})

        assert ask(engage_db, provider).asked == 0
        first.execute(repair.SQL.end_turn, {"provider": "resend"})

    assert ask(engage_db, provider).asked == len(sent)


def test_who_stops_the_worker_waits_for_no_more_than_the_question_in_hand(engage_db, provider, sent):
    assert len(sent) == 4

    assert ask(engage_db, provider, wait=lambda _seconds: True).asked == 1


def test_without_a_key_nobody_is_asked():
    assert status_readers(LocalSettings()) == {}
