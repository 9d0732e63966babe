"""Delivery against a provider that behaves like Resend, and lies when told to. What it holds is compared with our rows."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from activation.campaigns import commands, runs
from activation.channels.registry import mail_channels
from activation.delivery import lane
from activation.delivery.compose import Composer
from activation.delivery.send import Delivery, deliver
from activation.tracking.tokens import Links
from tests.factories import engage as given
from tests.factories.engage import NOW
from tests.support.provider_settings import resend_at
from tests.support.resend_process import running_resend


@pytest.fixture(scope="module")
def server():
    with running_resend("--rate", "0") as local:
        yield local


@pytest.fixture
def provider(server):
    import httpx

    httpx.delete(f"{server.url}/_inspect")
    return server


class Clock:
    """Real time, that a test may move forward."""

    def __init__(self):
        self.ahead = timedelta()

    def __call__(self):
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def delivery(engage_url, provider, clock):
    channels = mail_channels(resend_at(provider.url))
    return Delivery(
        engage_url=engage_url,
        channels=channels,
        composer=Composer(
            links=Links(public_url="https://engage.test.dev", secrets=["s"]),
            workspace="test",
            postal_address="Via Roma 1",
        ),
        clock=clock,
        chance=lambda: 0.5,
    )


def sending(db, contacts, **how):
    campaign = given.add_campaign(db, contacts=contacts, **how)
    return given.begin_run(db, campaign, provider="resend")


def held(provider):
    return Counter(mail["to"][0] for mail in provider.mails())


def assert_counted(db, provider):
    """The counting invariant: every targeted row in one state; one mail per sent row, none for the others."""
    rows = db.execute("select address, state, provider_message_id from engage.campaign_messages").fetchall()
    db.commit()
    sent = {address for address, state, _ in rows if state in ("sent", "delivered", "bounced")}
    maybe = {address for address, state, _ in rows if state in ("unknown", "dead")}
    mails = held(provider)
    assert set(mails.values()) <= {1}
    assert sent <= set(mails)
    assert set(mails) <= sent | maybe
    ids = {mail["id"] for mail in provider.mails()}
    assert {identifier for _, state, identifier in rows if state == "sent"} <= ids


def assert_one_body_per_key(provider):
    """Every attempt of a batch carried the same key and the same bytes."""
    bodies: dict[str, set[str]] = {}
    for request in provider.requests():
        assert request["idempotency_key"], request
        bodies.setdefault(request["idempotency_key"], set()).add(request["sha256"])
    assert all(len(hashes) == 1 for hashes in bodies.values())


def test_everybody_gets_one_mail_and_each_row_its_id(engage_db, provider, delivery):
    sending(engage_db, 250)

    report = deliver(delivery)
    finished = runs.finish(engage_db, now=NOW)

    assert report.problems == {}
    assert given.states(engage_db) == {"sent": 250}
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)
    assert finished == ["sale"]
    assert commands.find(engage_db, "sale").state == "finished"


def test_a_mail_carries_its_own_links_and_headers(engage_db, provider, delivery):
    sending(engage_db, 2)
    deliver(delivery)

    mail = next(mail for mail in provider.mails() if mail["to"] == ["c2@mail.test.dev"])
    link = mail["headers"]["List-Unsubscribe"].strip("<>")
    assert mail["subject"] == "News for Name2"
    assert mail["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert link in mail["html"]
    assert "Hello Name2" in mail["text"]
    message = engage_db.execute("select message_id from engage.campaign_messages where contact_id = 2").fetchone()[0]
    assert delivery.composer.links.message_of("u", link.rsplit("/", 1)[1]) == message
    assert {"name": "message_id", "value": str(message)} in mail["tags"]
    (epoch,) = engage_db.execute("select epoch from engage.database_epochs").fetchone()
    assert {"name": "epoch", "value": epoch} in mail["tags"], "by which webhooks are told from other installations'"


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "accept_then_cut"},
        {"kind": "cut_before"},
        {"kind": "truncate"},
        {"kind": "empty_body"},
        {"kind": "html_page"},
        {"kind": "wrong_count"},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 503, "name": "service_unavailable", "retry_after": 1},
        {"kind": "status", "status": 429, "name": "rate_limit_exceeded", "retry_after": 1},
        {"kind": "status", "status": 409, "name": "concurrent_idempotent_requests"},
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)
def test_an_answer_that_is_lost_or_late_costs_nobody_a_second_mail(engage_db, provider, delivery, fault):
    sending(engage_db, 150)
    provider.fault(**fault, times=2)

    deliver(delivery)

    assert given.states(engage_db) == {"sent": 150}
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)


def test_one_bad_mail_fails_alone_and_the_others_are_sent(engage_db, provider, delivery):
    sending(engage_db, 100)
    engage_db.execute("update engage.campaign_messages set address = 'ada@example.com' where contact_id = 42")
    engage_db.commit()

    deliver(delivery)

    assert given.states(engage_db) == {"sent": 99, "failed": 1}
    failed = engage_db.execute(
        "select contact_id, reason_detail from engage.campaign_messages where state = 'failed'"
    ).fetchone()
    assert failed[0] == 42
    assert "example.com" in failed[1]
    assert_counted(engage_db, provider)


def test_a_contact_that_breaks_the_template_is_skipped_with_the_reason(engage_db, provider, delivery):
    sending(engage_db, 20)
    engage_db.execute("""update engage.campaign_messages set tokens = '{"first_name": "a\\nb"}' where contact_id = 3""")
    engage_db.commit()

    deliver(delivery)

    assert given.states(engage_db) == {"sent": 19, "skipped": 1}
    reason = engage_db.execute(
        "select reason, reason_detail from engage.campaign_messages where contact_id = 3"
    ).fetchone()
    assert reason == ("render_error", "subject: a value breaks the line")


def test_a_refused_key_halts_the_run_burns_nobody_and_goes_on_when_mended(engage_db, provider, delivery, clock):
    sending(engage_db, 120)
    provider.fault("status", status=401, name="invalid_api_key", message="API key is invalid", times=None)

    report = deliver(delivery)

    assert report.problems == {"sale": "Resend 401 invalid_api_key: API key is invalid"}
    assert given.states(engage_db) == {"queued": 120}
    assert runs.problems(engage_db, "sale")[0].endswith("API key is invalid")
    engage_db.commit()

    provider.clear_faults()
    clock.ahead = timedelta(seconds=61)  # the breaker stays open for a minute, then one batch tries
    assert deliver(delivery).problems == {}
    assert given.states(engage_db) == {"sent": 120}
    assert_counted(engage_db, provider)


def test_a_sender_that_resend_refuses_is_our_fault_and_burns_nobody(engage_db, provider, delivery):
    sending(engage_db, 40)
    provider.fault(
        "status",
        status=422,
        name="validation_error",
        message="Invalid `from` field. The email address needs to follow…",
        times=None,
    )

    assert "Invalid `from` field" in deliver(delivery).problems["sale"]
    assert given.states(engage_db) == {"queued": 40}
    provider.clear_faults()


def test_a_provider_that_cannot_be_reached_keeps_everybody_queued_or_claimed(engage_db, engage_url, provider, delivery):
    sending(engage_db, 10)
    channels = mail_channels(resend_at("http://127.0.0.1:9"))

    report = deliver(Delivery(**{**vars(delivery), "channels": channels}))

    assert "cannot connect to Resend" in report.problems["sale"]
    assert set(given.states(engage_db)) <= {"queued", "claimed"}


def test_a_batch_that_never_gets_an_answer_is_set_aside_as_dead(engage_db, provider, delivery, clock):
    sending(engage_db, 5)
    provider.fault("status", status=500, times=None)

    for _ in range(6):
        deliver(delivery)
        clock.ahead += timedelta(minutes=7)

    assert given.states(engage_db) == {"dead": 5}
    assert len(provider.requests()) == 5
    assert_one_body_per_key(provider)


def test_a_key_that_may_be_forgotten_is_never_used_again(engage_db, provider, delivery, clock):
    sending(engage_db, 5)
    provider.fault("accept_then_cut", times=None)
    engage_db.execute("select 1")
    patience = lane.PATIENCE
    try:
        lane.PATIENCE = timedelta()
        deliver(delivery)
    finally:
        lane.PATIENCE = patience
    provider.clear_faults()
    provider.advance(25 * 3600)
    clock.ahead += timedelta(hours=25)

    deliver(delivery)

    assert given.states(engage_db) == {"unknown": 5}
    assert set(held(provider).values()) == {1}


def test_a_key_known_with_another_body_is_parked_and_never_changed(engage_db, provider, delivery):
    sending(engage_db, 5)
    provider.fault("status", status=409, name="invalid_idempotent_request", times=1)

    deliver(delivery)

    assert given.states(engage_db) == {"unknown": 5}
    assert len(provider.requests()) == 1


def test_paused_nothing_leaves_and_resumed_everybody_gets_it_once(engage_db, provider, delivery):
    sending(engage_db, 30)
    for _ in itertools.repeat(None, 3):
        commands.pause(engage_db, "sale", now=NOW)
        engage_db.commit()
        deliver(delivery)
        assert provider.mails() == []
        commands.resume(engage_db, "sale", now=NOW)
        engage_db.commit()

    deliver(delivery)

    assert given.states(engage_db) == {"sent": 30}
    assert_counted(engage_db, provider)


def test_who_unsubscribed_since_the_snapshot_is_skipped_at_the_claim(engage_db, provider, delivery):
    sending(engage_db, 3)
    engage_db.execute("update core.contacts set email_consent = 'unsubscribed' where contact_id = 1")
    engage_db.execute(
        "insert into engage.suppressions (contact_id, channel, reason, source, evidence, created_at) "
        "values (2, 'email', 'complaint', 'test', '{}', now())"
    )
    engage_db.commit()

    deliver(delivery)

    reasons = dict(
        engage_db.execute("select contact_id, coalesce(reason, state) from engage.campaign_messages").fetchall()
    )
    assert reasons == {1: "no_consent", 2: "suppressed", 3: "sent"}
    assert list(held(provider)) == ["c3@mail.test.dev"]


def test_a_run_that_began_with_resend_never_falls_back_to_the_sandbox(engage_db, provider, delivery):
    sending(engage_db, 3)
    without_key = {"sandbox": delivery.channels["sandbox"]}

    report = deliver(Delivery(**{**vars(delivery), "channels": without_key}))

    assert "no key any more" in report.problems["sale"]
    assert given.states(engage_db) == {"queued": 3}


def test_two_deliveries_at_once_send_what_one_would(engage_db, provider, delivery):
    import threading

    sending(engage_db, 400)
    deliveries = [
        Delivery(
            **{
                **vars(delivery),
                "channels": mail_channels(resend_at(provider.url)),
            }
        )
        for _ in range(2)
    ]
    threads = [threading.Thread(target=deliver, args=(one,)) for one in deliveries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert given.states(engage_db) == {"sent": 400}
    assert_counted(engage_db, provider)
