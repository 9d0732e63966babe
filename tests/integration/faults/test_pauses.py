"""Paused, resumed, cancelled and edited while sending. Rows 30, 35, 36, 61 of the faults."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from activation.campaigns import commands, runs
from activation.delivery.send import deliver
from activation.templates import versions
from tests.factories import engage as given
from tests.factories.engage import NOW
from tests.support.installation import wait_for
from tests.support.sending import (
    assert_counted,
    assert_one_body_per_key,
    begin,
    delivery_of,
    expire_leases,
    many,
    reasons,
    resend,
)


@contextmanager
def delivering(engage_url, provider, clock, **limits):
    """Deliveries one after the other, as the sensor asks for them, in a thread."""
    over = threading.Event()
    failed = []

    def go_on():
        while not over.is_set():
            try:
                deliver(delivery_of(engage_url, resend(provider.url, **limits), clock=clock))
            except Exception as error:
                failed.append(error)
            over.wait(0.1)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert failed == []


def claimed_since(db, moment):
    count = db.execute("select count(*) from engage.send_batches where created_at > %s", [moment]).fetchone()[0]
    db.commit()
    return count


@pytest.mark.slow
def test_paused_and_resumed_ten_times_amid_sending_everybody_gets_one_mail(engage_db, engage_url, provider, clock):
    """Row 30: a second after each pause nothing is claimed any more."""
    begin(engage_db, 4000)
    late = amid = 0

    with delivering(engage_url, provider, clock, rate=20, batch_size=10):
        for _ in range(10):
            before = provider.counts()["mails"]
            wait_for(lambda before=before: provider.counts()["mails"] > before, seconds=20, what="sending")
            commands.pause(engage_db, "sale", now=clock())
            engage_db.commit()
            deadline = datetime.now(UTC) + timedelta(seconds=1)
            time.sleep(1.3)
            late += claimed_since(engage_db, deadline)
            amid += given.states(engage_db).get("queued", 0) > 0
            commands.resume(engage_db, "sale", now=clock())
            engage_db.commit()
        wait_for(lambda: given.states(engage_db) == {"sent": 4000}, seconds=60, what="the end")

    assert (late, amid) == (0, 10)
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)


def test_cancelled_amid_sending_what_is_on_its_way_finishes_and_the_rest_is_cancelled(
    engage_db, engage_url, provider, clock
):
    """Row 30."""
    begin(engage_db, 2000)
    provider.fault("slow", seconds=0.2, times=None)

    with delivering(engage_url, provider, clock, rate=50, batch_size=10):
        wait_for(lambda: provider.counts()["mails"] > 50, seconds=20, what="sending")
        commands.cancel(engage_db, "sale", now=clock())
        engage_db.commit()
        deadline = datetime.now(UTC) + timedelta(seconds=1)
        wait_for(lambda: "claimed" not in given.states(engage_db), seconds=20, what="draining")
        time.sleep(1.2)

    states = given.states(engage_db)
    assert claimed_since(engage_db, deadline) == 0
    assert set(states) == {"sent", "cancelled"}
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)


def test_rows_that_come_back_to_a_cancelled_campaign_are_cancelled_too(engage_db, engage_url, provider, clock, senders):
    """Row 30: killed before a byte left, cancelled, given back; and refused whole because of one mail."""
    begin(engage_db, 60)
    engage_db.execute("update engage.campaign_messages set address = 'ada@test.com' where contact_id = 7")
    engage_db.commit()
    provider.fault("pause_answer")
    senders.kill_at("claimed", batch_size=20)
    commands.cancel(engage_db, "sale", now=clock())
    engage_db.commit()
    expire_leases(engage_db)

    deliver(delivery_of(engage_url, resend(provider.url, batch_size=20), clock=clock))

    assert given.states(engage_db) == {"cancelled": 60}
    assert_counted(engage_db, provider)


def test_a_batch_refused_whole_after_the_cancellation_leaves_no_row_queued(engage_db, engage_url, provider, clock):
    """Row 30."""
    begin(engage_db, 10)
    engage_db.execute("update engage.campaign_messages set address = 'ada@test.com' where contact_id = 7")
    engage_db.commit()
    channel = resend(provider.url)
    send = channel.send

    def cancel():
        with psycopg.connect(engage_url) as db:
            if commands.find(db, "sale").state == "sending":
                commands.cancel(db, "sale", now=clock())

    async def cancelled_meanwhile(body, *, size, idempotency_key):
        await asyncio.to_thread(cancel)
        return await send(body, size=size, idempotency_key=idempotency_key)

    channel.send = cancelled_meanwhile

    deliver(delivery_of(engage_url, channel, clock=clock))

    states = given.states(engage_db)
    assert states["failed"] == 1
    assert set(states) <= {"sent", "failed", "cancelled"}
    assert_counted(engage_db, provider)


def test_cancelling_while_the_snapshot_is_taken_leaves_nothing_queued(engage_db, engage_url):
    """Row 30: the cancellation waits for the snapshot, and then sees its rows."""
    campaign = many(engage_db, 50)
    run_id = runs.plan(engage_db, campaign.campaign_id, campaign.next_run_at, now=NOW)
    engage_db.commit()

    def cancel():
        with psycopg.connect(engage_url) as db:
            commands.cancel(db, "sale", now=NOW)

    thread = threading.Thread(target=cancel)
    with engage_db.transaction():
        runs.snapshot(engage_db, run_id, sender="a@b.dev", provider="resend", now=NOW)
        thread.start()
        time.sleep(0.5)
    thread.join()

    assert given.states(engage_db) == {"cancelled": 50}
    assert engage_db.execute("select bool_and(adds_up) from engage.campaign_run_counts").fetchone() == (True,)


def test_a_campaign_whose_last_batch_is_taken_while_it_is_paused_is_finished(engage_db, delivery):
    begin(engage_db, 5)
    deliver(delivery)
    commands.pause(engage_db, "sale", now=NOW)

    finished = runs.finish(engage_db, now=NOW)

    campaign = commands.find(engage_db, "sale")
    assert finished == ["sale"]
    assert (campaign.state, campaign.paused_from) == ("finished", None)


def test_a_stopped_automation_goes_back_to_its_schedule_when_a_person_resumes_it(engage_db):
    campaign = given.add_campaign(engage_db, cron="0 9 * * *")
    given.begin_run(engage_db, campaign, now=campaign.next_run_at)
    engage_db.execute("update engage.campaigns set state = 'stopped_by_guard', state_reason = 'too many complaints'")
    engage_db.execute("update engage.campaign_runs set state = 'stopped_by_guard'")

    resumed = commands.resume(engage_db, "sale", now=campaign.next_run_at)

    assert (resumed.state, resumed.state_reason) == ("scheduled", None)
    assert runs.open_runs(engage_db)[0].state == "preparing"


SUPPRESS = """insert into engage.suppressions (contact_id, channel, address, reason, source, evidence, created_at)
values (%s, 'email', %s, %s, 'test', '{}', now())"""


def test_who_leaves_bounces_or_is_erased_between_snapshot_and_claim_is_skipped_with_the_reason(
    engage_db, provider, delivery
):
    """Row 35."""
    begin(engage_db, 6)
    engage_db.execute(SUPPRESS, [1, None, "unsubscribed_all"])
    engage_db.execute(SUPPRESS, [2, "c2@mail.test.dev", "hard_bounce"])
    engage_db.execute(SUPPRESS, [3, None, "erased"])
    engage_db.execute("update core.contacts set email_consent = 'unsubscribed' where contact_id = 4")
    engage_db.execute("delete from core.contacts where contact_id = 5")
    engage_db.commit()

    deliver(delivery)

    assert reasons(engage_db) == {
        1: "suppressed", 2: "suppressed", 3: "suppressed", 4: "no_consent", 5: "no_address", 6: "sent",
    }  # fmt: skip
    assert_counted(engage_db, provider)


def test_a_template_edited_or_broken_while_sending_leaves_the_run_with_the_version_and_values_it_froze(
    engage_db, engage_url, provider, clock
):
    """Row 36: also the retry of a batch carries the same bytes."""
    begin(engage_db, 40)
    provider.fault("accept_then_cut", times=1)
    channel = resend(provider.url, batch_size=20)
    send, edited = channel.send, []

    async def edits(body, *, size, idempotency_key):
        answer = await send(body, size=size, idempotency_key=idempotency_key)
        if not edited:
            edited.append(True)
            with psycopg.connect(engage_url) as db:
                versions.save(
                    db, key="news", name="News", actor="ada", now=NOW, subject="Another", preheader="",
                    body_mjml=given.MJML, body_text="Another {{ unsubscribe_url }} {{ postal_address }}",
                )  # fmt: skip
                db.execute("update profiles.contact_profiles set first_name = 'Changed'")
        return answer

    channel.send = edits

    deliver(delivery_of(engage_url, channel, clock=clock, lanes=1))

    assert edited
    subjects = {mail["subject"] for mail in provider.mails()}
    assert subjects == {f"News for Name{number}" for number in range(1, 41)}
    assert given.states(engage_db) == {"sent": 40}
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)


def test_a_version_in_use_cannot_be_deleted(engage_db):
    """Row 36."""
    begin(engage_db, 2)

    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        engage_db.execute("delete from engage.template_versions")
    engage_db.rollback()


def test_two_contacts_that_share_an_address_or_become_one_get_one_mail(engage_db, provider, delivery):
    """Row 61: 1 and 2 share an address at the snapshot; 4 is merged into 3 after it."""
    campaign = many(engage_db, 4)
    engage_db.execute("update profiles.contact_profiles set email = 'C1@mail.test.dev' where contact_id = 2")
    given.begin_run(engage_db, campaign, provider="resend")
    engage_db.execute("delete from core.contacts where contact_id = 4")
    engage_db.execute(
        "insert into engage.consent_records (contact_id, channel, status, occurred_at, recorded_at, source, proof, recorded_by) "
        "values (4, 'email', 'subscribed', now(), now(), 'test', '{}', 'test')"
    )
    engage_db.commit()

    deliver(delivery)

    assert reasons(engage_db) == {1: "sent", 2: "duplicate_address", 3: "sent", 4: "no_address"}
    assert provider.recipients() == {"c1@mail.test.dev": 1, "c3@mail.test.dev": 1}
    assert_counted(engage_db, provider)
