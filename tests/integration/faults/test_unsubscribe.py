"""Fault 45: looking at the unsubscribe address changes nothing, POST acts, as often and in whatever form it comes."""

from __future__ import annotations

import pytest

from activation.compliance import consent
from activation.delivery import outcomes
from activation.tracking.tokens import Links
from engage_db.settings import Settings
from tests.factories.engage import add_contact
from tests.support.endpoints import LINKS, landed, now, sent_messages, serving, suppressed


@pytest.fixture
def client(engage_url, settings_for):
    with serving(engage_url, settings_for) as opened:
        yield opened


@pytest.fixture
def message(engage_db):
    return sent_messages(engage_db)[0]


ONE_CLICK = [
    {"content": b"List-Unsubscribe=One-Click", "headers": {"content-type": "application/x-www-form-urlencoded"}},
    {"files": {"List-Unsubscribe": (None, "One-Click")}},
    {"content": b"List-Unsubscribe=One-Click", "headers": {"content-type": "multipart/form-data; boundary=x"}},
    {"content": b"\xff\x00", "headers": {"content-type": "text/plain", "cookie": "session=forged; a=b"}},
    {},
]


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_scanner_that_opens_the_link_unsubscribes_nobody(client, engage_db, message, method):
    assert getattr(client, method)(LINKS.of(message).unsubscribe).status_code == 200

    assert suppressed(engage_db) == []
    assert landed(engage_db) == []


@pytest.mark.parametrize("request_of", ONE_CLICK, ids=["urlencoded", "multipart", "broken", "cookies", "empty"])
def test_one_post_acts_at_once_and_a_second_changes_nothing_more(client, engage_db, message, request_of):
    answers = [client.post(LINKS.of(message).unsubscribe, **request_of) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert "set-cookie" not in answers[0].headers
    assert suppressed(engage_db) == [(1, "unsubscribed_all")]
    assert landed(engage_db) == [("engage", "unsubscribed", message)]


@pytest.mark.parametrize("page", ["unsubscribe", "preferences"])
def test_a_link_in_an_old_mail_holds_the_mailbox_that_clicked_and_the_person(client, engage_db, message, page):
    engage_db.execute("update core.contacts set email = 'new@mail.test.dev' where contact_id = 1")
    add_contact(engage_db, 77, "c1@mail.test.dev")
    engage_db.commit()

    client.post(getattr(LINKS.of(message), page), data={"do": "leave"})

    states = consent.states(engage_db, [1, 77], channels=("email",))
    assert [state.status for state in states] == ["unsubscribed", "unsubscribed"]
    held = engage_db.execute("select address from engage.suppressions order by 1").fetchall()
    assert held == [("c1@mail.test.dev",), ("new@mail.test.dev",)]


def test_the_event_counts_once_and_its_processing_suppresses_nobody_again(client, engage_db, message):
    client.post(LINKS.of(message).unsubscribe)
    engage_db.execute("update engage.suppressions set lifted_at = %s, lifted_by = 'person'", [now()])

    assert outcomes.process(engage_db, now=now(), settings=Settings(_env_file=None)) == 1
    engage_db.commit()
    assert suppressed(engage_db) == []


def test_a_wrong_token_is_404_for_everything_and_says_the_same_of_everybody(client, engage_db, message):
    links = LINKS.of(message)
    forged = Links(public_url="", secrets=["another"]).of(message).unsubscribe
    pages = set()
    for wrong in (
        forged,
        "/u/x",
        links.unsubscribe[:-2],
        "/u/" + links.open[3:],
        LINKS.of(10**12).unsubscribe,
        "/p/x",
        forged.replace("/u/", "/p/"),
    ):
        for method in ("get", "post"):
            answer = getattr(client, method)(wrong)
            assert answer.status_code == 404
            pages.add(answer.text)

    assert len(pages) == 1
    assert "mail.test.dev" not in pages.pop()
    assert suppressed(engage_db) == []


def test_with_a_topic_one_click_ends_the_topic_and_a_person_may_end_everything(client, engage_db):
    message = sent_messages(engage_db, topic="offers")[0]
    link = LINKS.of(message).unsubscribe
    assert "Offers" in client.get(link).text

    answer = client.post(link, data={"List-Unsubscribe": "One-Click"})
    assert suppressed(engage_db) == [(1, "unsubscribed_topic")]
    assert "Offers" in answer.text
    assert LINKS.of(message).preferences in answer.text

    client.post(link, data={"scope": "everything"})
    assert (1, "unsubscribed_all") in suppressed(engage_db)


def test_the_proof_of_an_unsubscribe_is_kept(client, engage_db, message):
    client.post(LINKS.of(message).unsubscribe, data={"List-Unsubscribe": "One-Click"}, headers={"user-agent": "Gmail"})

    source, proof = engage_db.execute("select source, proof from engage.consent_records").fetchone()
    assert (source, proof["agent"], proof["message_id"]) == ("one_click", "Gmail", message)


def test_a_form_without_end_is_refused(client, engage_db, message):
    answer = client.post(LINKS.of(message).unsubscribe, content=b"x" * 100_000)

    assert answer.status_code == 413
    assert suppressed(engage_db) == []
