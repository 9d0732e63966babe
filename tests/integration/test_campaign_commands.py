"""Campaigns triggered, explained, changed, cloned and throttled."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, time, timedelta

import psycopg
import pytest

from activation.campaigns import commands, runs, trigger
from activation.campaigns.audience import Policy
from activation.campaigns.dry_run import dry_run
from activation.campaigns.rules import SendingRules
from activation.campaigns.why import why
from activation.errors import Refused
from tests.factories import engage as given
from tests.factories.engage import NOW
from tests.support.sending import COMPOSER

SENDER = "Shop <news@shop.test.dev>"


@pytest.fixture
def welcome(engage_db):
    """A launched triggered campaign and three contacts, the last without consent."""
    given.build(engage_db)
    given.add_template(engage_db)
    for contact_id in (1, 2):
        given.add_contact(engage_db, contact_id)
    given.add_contact(engage_db, 3, consent="unsubscribed")
    commands.create(engage_db, name="Welcome", segment=None, template="news", time_zone="UTC", actor="t", now=NOW)
    commands.launch(engage_db, "welcome", now=NOW)
    engage_db.commit()


def triggered(db, contacts, **how):
    report = trigger.trigger(
        db, "welcome", contacts, sender=SENDER, provider="resend", policy=Policy(), now=how.pop("now", NOW), **how
    )
    db.commit()
    return report


@pytest.mark.usefixtures("welcome")
def test_a_trigger_queues_one_message_each_or_says_why_not(engage_db):
    report = triggered(engage_db, [1, 2, 3, 99])

    assert report.is_new
    assert report.outcome == {1: "queued", 2: "queued", 3: "no_consent", 99: "no_address"}


@pytest.mark.usefixtures("welcome")
def test_a_trigger_asked_again_with_its_key_queues_nothing_whoever_asks_at_once(engage_db, engage_url):
    barrier, reports = threading.Barrier(6), []

    def ask(second):
        with psycopg.connect(engage_url, options="-c timezone=UTC") as db:
            barrier.wait()
            reports.append(triggered(db, [1], trigger_key="order 7", now=NOW + timedelta(seconds=second)))

    threads = [threading.Thread(target=ask, args=(second,)) for second in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(report.is_new for report in reports) == 1
    assert len({report.campaign_run_id for report in reports}) == 1
    assert given.states(engage_db) == {"queued": 1}


@pytest.mark.usefixtures("welcome")
def test_a_trigger_of_a_cancelled_campaign_is_refused_also_while_it_is_being_cancelled(engage_db, engage_url):
    refused = []

    def ask():
        with psycopg.connect(engage_url, options="-c timezone=UTC") as db:
            try:
                triggered(db, [1])
            except Refused as error:
                refused.append(str(error))

    thread = threading.Thread(target=ask)
    with engage_db.transaction():
        commands.cancel(engage_db, "welcome", now=NOW)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
    thread.join()

    assert refused
    assert "cancelled" in refused[0]
    assert given.states(engage_db) == {}


def test_why_tells_each_outcome_in_a_sentence(engage_db):
    campaign = given.add_campaign(engage_db, contacts=5)
    engage_db.execute("update profiles.contact_profiles set email_consent = 'unsubscribed' where contact_id = 1")
    given.begin_run(engage_db, campaign)
    engage_db.execute(
        "update engage.campaign_messages set state = 'failed', reason = 'refused by the provider', "
        "reason_detail = 'no such mailbox' where contact_id = 2"
    )
    engage_db.execute("update engage.campaign_messages set state = 'sent', sent_at = %s where contact_id = 3", [NOW])
    engage_db.commit()

    def sentence(contact_id):
        return why(engage_db, "sale", contact_id, now=NOW).sentence

    assert sentence(1) == "Left out: there was no consent to marketing mail."
    assert "no such mailbox" in sentence(2)
    assert sentence(3) == "The provider took it."
    assert sentence(4) == "It waits to be sent."
    assert "was not in the segment Everybody" in sentence(99)


def test_a_campaign_is_changed_only_before_it_runs_and_a_running_one_keeps_what_it_began_with(engage_db):
    campaign = given.add_campaign(engage_db)
    commands.update(engage_db, "sale", now=NOW, name="Summer", rules=SendingRules(priority=80, holdout_percent=0))
    changed = commands.find(engage_db, "sale")
    given.begin_run(engage_db, changed)

    with pytest.raises(Refused, match="only a draft or a scheduled campaign can be changed"):
        commands.update(engage_db, "sale", now=NOW, name="Autumn")

    assert (changed.name, changed.priority, changed.next_run_at) == ("Summer", 80, campaign.next_run_at)
    assert engage_db.execute("select priority from engage.campaign_runs").fetchone() == (80,)


def test_a_clone_of_a_cancelled_campaign_is_a_draft_with_the_same_rules(engage_db):
    given.add_campaign(engage_db)
    commands.update(engage_db, "sale", now=NOW, rules=SendingRules(messages_per_minute=60, priority=7))
    commands.cancel(engage_db, "sale", now=NOW)

    clone = commands.clone(engage_db, "sale", name="Sale again", actor="ada", now=NOW)

    assert (clone.key, clone.state, clone.created_by) == ("sale-again", "draft", "ada")
    assert clone.rules == commands.find(engage_db, "sale").rules


def test_a_throttle_can_be_changed_until_the_end(engage_db):
    campaign = given.add_campaign(engage_db)
    given.begin_run(engage_db, campaign)

    assert commands.throttle(engage_db, "sale", messages_per_minute=60, now=NOW).messages_per_minute == 60
    assert commands.throttle(engage_db, "sale", messages_per_minute=None, now=NOW).messages_per_minute is None
    with pytest.raises(Refused):
        commands.throttle(engage_db, "sale", messages_per_minute=0, now=NOW)
    commands.cancel(engage_db, "sale", now=NOW)
    with pytest.raises(Refused, match="cancelled already"):
        commands.throttle(engage_db, "sale", messages_per_minute=60, now=NOW)


def test_a_run_that_was_stopped_and_cancelled_is_not_reopened(engage_db):
    campaign = given.add_campaign(engage_db)
    given.begin_run(engage_db, campaign)
    commands.cancel(engage_db, "sale", now=NOW)

    with pytest.raises(Refused, match="nothing to resume"):
        commands.resume(engage_db, "sale", now=NOW)
    assert runs.open_runs(engage_db) == []


MONDAY_AT_TEN = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize("when", [{"at": MONDAY_AT_TEN}, {"cron": "0 10 * * 1"}], ids=["broadcast", "automation"])
@pytest.mark.parametrize("is_launched", [False, True], ids=["draft", "launched"])
def test_a_dry_run_is_judged_at_the_campaigns_time_so_that_its_numbers_are_those_of_the_snapshot(
    engage_db, when, is_launched
):
    friday_evening = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
    given.build(engage_db)
    given.add_template(engage_db)
    for contact_id, zone in [(1, "UTC"), (2, "Europe/Rome"), (3, "America/New_York"), (4, "UTC")]:
        given.add_contact(engage_db, contact_id, time_zone=zone)
    given.add_segment(engage_db, "everybody", [1, 2, 3, 4])
    given.add_suppression(
        engage_db, "provider_suppressed", address="c4@mail.test.dev", expires_at=MONDAY_AT_TEN - timedelta(hours=1)
    )
    rules = SendingRules(send_window=(time(9), time(18)), window_days=(1, 2, 3, 4, 5))
    commands.create(
        engage_db, name="Sale", segment="everybody", template="news", time_zone="UTC", actor="t", now=friday_evening,
        rules=rules, **when,
    )  # fmt: skip
    if is_launched:
        commands.launch(engage_db, "sale", now=friday_evening)

    found = dry_run(
        engage_db, "sale", composer=COMPOSER, sender=SENDER, channels={}, policy=Policy(), now=friday_evening
    )

    assert (found.starts_at, found.queued, found.later, found.skipped) == (MONDAY_AT_TEN, 4, 1, {})
    if not is_launched:
        commands.launch(engage_db, "sale", now=friday_evening)
    run_id = runs.plan(engage_db, commands.find(engage_db, "sale").campaign_id, MONDAY_AT_TEN, now=MONDAY_AT_TEN)
    report = runs.snapshot(engage_db, run_id, sender=SENDER, provider="sandbox", now=MONDAY_AT_TEN)
    assert (found.queued, found.skipped) == (report.queued, report.skipped)
