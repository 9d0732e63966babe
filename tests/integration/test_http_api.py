"""The endpoints for recipients: looking changes nothing, asking acts at once and as often as it is asked."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from activation.tracking.tokens import Links
from engage_db.settings import load_settings
from http_api.main import app
from tests.factories import engage as given

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def client(engage_url, settings_for):
    settings_for.setenv("ENGAGE_DATABASE_URL", engage_url)
    settings_for.setenv("SECRET_KEY", "test secret")
    load_settings.cache_clear()
    with TestClient(app) as opened:
        yield opened


@pytest.fixture
def link(engage_db):
    given.begin_run(engage_db, given.add_campaign(engage_db, contacts=2))
    message = engage_db.execute("select message_id from engage.campaign_messages where contact_id = 1").fetchone()[0]
    engage_db.commit()
    return Links(public_url="", secret="test secret").unsubscribe_url(message)


def suppressed(db):
    rows = db.execute("select contact_id, reason from engage.suppressions").fetchall()
    db.commit()
    return rows


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_scanner_that_opens_the_link_unsubscribes_nobody(client, engage_db, link, method):
    getattr(client, method)(link)

    assert suppressed(engage_db) == []


def test_one_click_acts_in_both_encodings_and_again(client, engage_db, link):
    answers = [
        client.post(
            link, content=b"List-Unsubscribe=One-Click", headers={"content-type": "application/x-www-form-urlencoded"}
        ),
        client.post(link, files={"List-Unsubscribe": (None, "One-Click")}),
        client.post(link),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert suppressed(engage_db) == [(1, "unsubscribed_all")]
    events = engage_db.execute("select type, count(*) from engage.message_events group by 1").fetchall()
    assert events == [("unsubscribed", 1)]


def test_a_token_that_we_did_not_sign_is_404_and_says_nothing_of_people(client, engage_db, link):
    forged = Links(public_url="", secret="another").unsubscribe_url(1)

    for wrong in (forged, "/u/x", link[:-2]):
        assert client.post(wrong).status_code == 404
    assert suppressed(engage_db) == []


def test_health_says_whether_the_database_answers(client, settings_for):
    assert client.get("/health").json() == {"status": "ok"}

    settings_for.setenv("ENGAGE_DATABASE_URL", "postgresql://x@127.0.0.1:9/none")
    load_settings.cache_clear()
    assert client.get("/health").status_code == 503
