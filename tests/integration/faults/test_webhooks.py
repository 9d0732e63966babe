"""Faults 41 and 42: webhooks that are forged, stale, repeated, reversed, strange or too early."""

from __future__ import annotations

import base64
import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import orjson
import pytest

from activation.channels.contract import WebhookRefused
from activation.channels.email import sns
from activation.channels.email.resend import ResendWebhooks
from activation.channels.email.ses import SesWebhooks
from activation.delivery import outcomes
from engage_db.settings import Settings
from tests.integration.channels.signers import TOPIC, SesSigner
from tests.support import svix
from tests.support.endpoints import LINKS, landed, now, sent_messages, serving

SETTINGS = Settings(_env_file=None)
ROTATED = "whsec_" + base64.b64encode(b"the secret before the rotation, x").decode()


@pytest.fixture
def client(engage_url, settings_for):
    with serving(engage_url, settings_for) as opened:
        yield opened


@pytest.fixture
def messages(engage_db):
    return sent_messages(engage_db)


def post(client, body, *, event_id="msg_1", at=None, secret=svix.SECRET, provider="resend"):
    headers = svix.signed(body, event_id=event_id, at=at or now(), secret=secret)
    return client.post(f"/webhooks/{provider}", content=body, headers=headers)


def process(db):
    counted = outcomes.process(db, now=now(), settings=SETTINGS)
    db.commit()
    return counted


def state(db, message_id):
    return db.execute("select state from engage.campaign_messages where message_id = %s", [message_id]).fetchone()[0]


def test_a_wrong_signature_an_old_or_a_future_timestamp_are_refused_and_nothing_is_stored(client, engage_db, messages):
    body = svix.event("email.delivered", messages[0], at=now())
    answers = [
        post(client, body, secret=ROTATED),
        post(client, body, at=now() - timedelta(minutes=6)),
        post(client, body, at=now() + timedelta(minutes=6)),
        client.post("/webhooks/resend", content=body),
        client.post("/webhooks/resend", content=body + b" ", headers=svix.signed(body, event_id="m", at=now())),
    ]

    assert [answer.status_code for answer in answers] == [401] * 5
    assert landed(engage_db) == []


def test_while_a_key_is_rotated_either_signature_is_believed():
    body, at = svix.event("email.delivered", 1, at=now()), now()
    reader = ResendWebhooks([svix.SECRET, ROTATED])

    for secret in (svix.SECRET, ROTATED):
        assert len(reader.read_webhook(svix.signed(body, event_id="m", at=at, secret=secret), body, now=at)) == 1


@pytest.mark.parametrize("secret", ["whsec_", "whsec_a", "!!!"])
def test_a_secret_that_can_be_none_is_told_from_a_signature_that_is_wrong(secret):
    body, at = svix.event("email.delivered", 1, at=now()), now()

    with pytest.raises(WebhookRefused, match="copy it whole"):
        ResendWebhooks([secret]).read_webhook(svix.signed(body, event_id="m", at=at), body, now=at)


def test_an_event_that_comes_fifty_times_is_stored_and_counted_once_and_acknowledged_each_time(
    client, engage_db, messages
):
    body = svix.event("email.opened", messages[0], at=now())
    statuses = {post(client, body).status_code for _ in range(50)}

    assert statuses == {200}
    assert landed(engage_db) == [("resend", "opened", messages[0])]
    assert process(engage_db) == 1


def test_events_in_reverse_order_never_move_a_state_back(client, engage_db, messages):
    story = ["email.bounced", "email.opened", "email.delivered", "email.sent"]
    for number, kind in enumerate(story):
        extra = {"bounce": {"type": "Permanent", "message": "550 5.1.1 unknown"}} if kind == "email.bounced" else {}
        post(
            client, svix.event(kind, messages[0], at=now() - timedelta(seconds=number), **extra), event_id=f"m{number}"
        )
        process(engage_db)

    assert state(engage_db, messages[0]) == "bounced"


def test_unknown_types_and_unknown_messages_are_acknowledged_and_kept(client, engage_db, messages):
    answers = [
        post(client, svix.event("domain.updated", None, at=now()), event_id="a"),
        post(client, svix.event("email.delivered", 10**15, at=now()), event_id="b"),
        post(client, svix.event("email.delivered", None, at=now(), email_id="foreign"), event_id="c"),
    ]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert process(engage_db) == 0
    assert [kind for _, kind, _ in landed(engage_db)] == ["domain.updated", "delivered", "delivered"]


def test_what_became_of_another_installations_message_with_the_same_number_is_nobodys(client, engage_db, messages):
    (ours,) = engage_db.execute("select epoch from engage.database_epochs").fetchone()
    for event_id, epoch in (("theirs", "another"), ("ours", ours)):
        tags = {"message_id": str(messages[0]), "epoch": epoch}
        bounce = {"type": "Permanent", "subType": "General", "message": "550 5.1.1 no such user"}
        body = svix.event("email.bounced", messages[0], at=now(), tags=tags, bounce=bounce)
        assert post(client, body, event_id=event_id).status_code == 200
        assert process(engage_db) == (event_id == "ours")

    assert state(engage_db, messages[0]) == "bounced"
    assert engage_db.execute("select count(*) from landing.provider_events where processed_at is null").fetchone() == (
        0,
    )
    assert engage_db.execute("select provider_event_id, detail ? 'epoch' from engage.message_events").fetchall() == [
        ("ours", False)
    ]


def test_what_is_too_large_or_no_text_is_refused_and_what_is_merely_strange_is_stored(client, engage_db, messages):
    large = svix.event("email.opened", messages[0], at=now(), padding="x" * (1024 * 1024))
    tag = {"message_id": str(messages[0])}
    strange = orjson.dumps(
        {
            "type": "email.opened",
            "created_at": "9" * 30,
            "data": {"email_id": "e\0", "subject": "\0 \\u0000", "tags": tag},
        }
    )
    answers = [
        post(client, large, event_id="large"),
        post(client, b'{"type": "\xff\xfe"}', event_id="latin"),
        post(client, b"[" * 100_000, event_id="deep"),
        post(client, b'{"type": "\\ud83d"}', event_id="half a character"),
        post(client, b"", event_id="empty"),
    ]

    assert [answer.status_code for answer in answers] == [413, 400, 400, 400, 400]
    assert landed(engage_db) == []
    assert post(client, strange, event_id="strange").status_code == 200
    assert post(client, svix.event("email.opened", messages[0], at=now()), event_id="x" * 5000).status_code == 200
    assert landed(engage_db) == [("resend", "opened", messages[0])] * 2


def test_a_body_that_is_longer_than_it_says_is_cut_off(client, engage_db):
    def endless():
        for _ in range(40):
            yield b"x" * 65536

    answer = client.post("/webhooks/resend", content=endless())

    assert answer.status_code == 413


def test_there_are_no_other_providers_and_no_other_methods(client):
    body = svix.event("email.opened", 1, at=now())

    assert post(client, body, provider="nobody").status_code == 404
    assert client.get("/webhooks/resend").status_code == 405


def test_a_webhook_before_our_write_back_is_stored_and_joined_later_by_our_tag(client, engage_db, messages):
    engage_db.execute("update engage.campaign_messages set state = 'claimed', sent_at = null")
    engage_db.commit()
    post(client, svix.event("email.delivered", messages[0], at=now()))

    assert process(engage_db) == 1
    assert state(engage_db, messages[0]) == "claimed"
    engage_db.execute(
        "update engage.campaign_messages set state = 'sent', sent_at = now(), provider_message_id = 'e-1'"
    )
    process(engage_db)
    assert state(engage_db, messages[0]) == "delivered"
    assert state(engage_db, messages[1]) == "sent"


def test_a_whole_storm_out_of_order_ends_where_the_story_ends(client, engage_db, messages):
    story = [
        (f"{message}/{kind}", svix.event(kind, message, at=now() + timedelta(seconds=number)))
        for message in messages
        for number, kind in enumerate(["email.sent", "email.delivered", "email.opened", "email.clicked"])
    ] * 3
    random.Random(3).shuffle(story)
    for event_id, body in story:
        post(client, body, event_id=event_id)
        if event_id.endswith("opened"):
            process(engage_db)
    process(engage_db)

    assert [state(engage_db, message) for message in messages] == ["delivered", "delivered"]
    assert engage_db.execute("select count(*) from engage.message_events").fetchone() == (6,)


def test_while_webhooks_wait_for_a_certificate_people_are_answered(engage_url, engage_db, settings_for):
    asked, given = Event(), Event()

    def fetch(address):
        asked.set()
        given.wait(20)
        raise TimeoutError(address)

    signer = SesSigner()
    reader = SesWebhooks(topic_arn=TOPIC, certificate=sns.remembered(fetch), visit=fetch)
    links = LINKS.of(sent_messages(engage_db)[0])
    _, body = signer.sign(signer.event())
    with serving(engage_url, settings_for, {"ses": reader}) as client, ThreadPoolExecutor(50) as pool:
        told = [pool.submit(client.post, "/webhooks/ses", content=body) for _ in range(50)]
        try:
            assert asked.wait(20)
            begun = time.monotonic()
            answers = [client.get(links.open).status_code, client.post(links.unsubscribe).status_code]
            seconds = time.monotonic() - begun
        finally:
            given.set()
        told_back = {answer.result().status_code for answer in told}

    assert (answers, told_back) == ([200, 200], {503})  # not now: SNS tells it again
    assert seconds < 10
