"""The preference centre, the health check, and what pages may do."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from datetime import timedelta

import pytest
from psycopg_pool import AsyncConnectionPool

from activation.compliance import consent
from http_api.heartbeat import beat
from tests.factories.engage import NOW, add_topic
from tests.support.endpoints import LINKS, landed, sent_messages, serving, suppressed


@pytest.fixture
def client(engage_url, settings_for):
    with serving(engage_url, settings_for) as opened:
        yield opened


@pytest.fixture
def link(engage_db):
    return LINKS.of(sent_messages(engage_db, topic="offers")[0]).preferences


def records(db):
    return db.execute(
        "select topic.key, record.status, record.source from engage.consent_records record left join engage.topics topic "
        "using (topic_id) order by consent_record_id"
    ).fetchall()


def allowed(db):
    """What may be mailed: None is what has no topic."""
    return [
        state.topic for state in consent.state_of(db, 1) if state.channel == "email" and state.status == "subscribed"
    ]


def test_the_preference_centre_shows_what_a_person_gets_and_looking_changes_nothing(client, engage_db, link):
    shown = client.get(link)
    client.head(link)

    assert shown.status_code == 200
    assert 'value="email/offers" checked' in shown.text
    assert "Once a week" in shown.text
    assert "c…@mail.test.dev" in shown.text
    assert "c1@" not in shown.text
    assert records(engage_db) == []


def test_saving_twice_records_once_and_the_page_shows_what_holds(client, engage_db, link):
    for _ in range(2):
        saved = client.post(link, data={"do": "save"})

    assert 'role="status"' in saved.text
    assert 'value="email/offers" checked' not in saved.text
    assert records(engage_db) == [(None, "unsubscribed", "preference_centre")]
    assert suppressed(engage_db) == [(1, "unsubscribed_all")]
    assert [kind for _, kind, _ in landed(engage_db)] == ["unsubscribed"]

    client.post(link, data={"do": "save", "wanted": "email/offers"})
    assert suppressed(engage_db) == []


def test_unticking_every_topic_turns_the_channel_off_and_ticking_one_opens_that_one_alone(client, engage_db, link):
    client.post(link, data={"do": "save"})
    add_topic(engage_db, "new")
    engage_db.commit()
    assert "checked" not in client.get(link).text
    assert allowed(engage_db) == []

    client.post(link, data={"do": "save", "wanted": "email/offers"})
    assert allowed(engage_db) == ["offers"]


def test_unticking_one_topic_of_two_leaves_the_rest_of_the_channel(client, engage_db, link):
    add_topic(engage_db, "news")
    engage_db.commit()

    client.post(link, data={"do": "save", "wanted": "email/news"})

    assert records(engage_db) == [("offers", "unsubscribed", "preference_centre")]
    assert allowed(engage_db) == [None, "news"]


@pytest.mark.parametrize(
    ("flag", "recorded"), [("unsubscribed", []), ("unknown", [("sms", None)]), ("subscribed", [("sms", None)])]
)
def test_a_channel_that_was_off_and_stays_off_gets_no_record_when_another_is_saved(
    client, engage_db, link, flag, recorded
):
    engage_db.execute("alter table core.contacts add column if not exists sms_consent text")
    engage_db.execute("update core.contacts set sms_consent = %s", [flag])
    engage_db.execute(
        "insert into engage.channel_providers (channel, provider, updated_at, updated_by) values ('sms', 'texts', now(), 'test')"
    )
    engage_db.commit()

    for _ in range(2):
        client.post(link, data={"do": "save", "wanted": "email/offers"})

    rows = engage_db.execute("select channel, topic_id from engage.consent_records").fetchall()
    assert rows == recorded


def test_a_page_from_before_there_were_topics_leaves_them_as_they_are(client, engage_db, link):
    client.post(link, data={"do": "save", "wanted": "email/*"})

    assert records(engage_db) == []


def test_leaving_everything_is_one_button_whatever_is_ticked(client, engage_db, link):
    for _ in range(2):
        client.post(link, data={"do": "leave", "wanted": ["email/offers", "email/gone", "pigeon/post"]})

    assert records(engage_db) == [(None, "unsubscribed", "preference_centre")]
    assert suppressed(engage_db) == [(1, "unsubscribed_all")]


def test_a_topic_that_is_gone_since_the_page_was_shown_is_passed_over(client, engage_db, link):
    assert client.post(link, data={"do": "save", "wanted": ["email/gone", "email/offers"]}).status_code == 200
    assert records(engage_db) == []


def test_who_complained_cannot_tick_themselves_back(client, engage_db, link):
    engage_db.execute(
        "insert into engage.suppressions (contact_id, channel, reason, source, evidence, created_at) "
        "values (1, 'email', 'complaint', 'resend', '{}', now())"
    )
    engage_db.commit()
    answer = client.post(link, data={"do": "save", "wanted": "email/offers"})

    assert "reported our mail" in answer.text
    assert suppressed(engage_db) == [(1, "complaint")]


def test_pages_load_nothing_are_not_kept_and_tell_no_referrer(client, link):
    headers = client.get(link).headers

    assert "default-src 'none'" in headers["content-security-policy"]
    assert "no-store" in headers["cache-control"]
    assert headers["referrer-policy"] == "no-referrer"


def test_health_says_whether_the_database_answers(client):
    assert client.get("/health").json() == {"status": "ok"}


def test_without_a_database_health_is_503_people_are_asked_to_come_again_and_pixels_still_come(settings_for):
    links = LINKS.of(1)
    with serving("postgresql://x@127.0.0.1:9/none", settings_for) as client:
        answers = [
            client.get("/health"),
            client.get(links.unsubscribe),
            client.post(links.unsubscribe),
            client.get(f"{links.click}-1"),
        ]
        pixel = client.get(links.open)

    assert [answer.status_code for answer in answers] == [503] * 4
    assert "try again" in answers[1].text
    assert pixel.status_code == 200


BEATS = "select service, host, pid, started_at, beat_at from engage.service_heartbeats"


async def beaten(url, times):
    """Beats as often as the clock is read after the start, and not once more."""
    moments = iter(NOW + timedelta(seconds=10 * number) for number in range(times + 1))
    enough = asyncio.Event()

    def clock():
        moment = next(moments, None)
        if moment is None:
            enough.set()
        return moment or NOW

    async with AsyncConnectionPool(url, min_size=1, open=False, kwargs={"autocommit": True}) as pool:
        beating = asyncio.create_task(beat(pool, clock, every=0.01))
        await enough.wait()
        beating.cancel()


def test_the_web_process_says_that_it_lives_and_since_when(engage_url, engage_db):
    asyncio.run(beaten(engage_url, times=3))

    who = ("api", socket.gethostname(), os.getpid(), NOW)
    assert [row[:4] for row in engage_db.execute(BEATS).fetchall()] == [who]


def test_it_says_so_from_its_start(client, engage_db):
    assert client.get("/health").status_code == 200
    deadline = time.monotonic() + 30
    while not engage_db.execute(BEATS).fetchall():
        assert time.monotonic() < deadline
        time.sleep(0.05)
