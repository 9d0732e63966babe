"""Faults 44 and 46: no redirect to anything that the mail did not contain; machines are stored as what they are."""

from __future__ import annotations

import pytest

from activation.tracking.tokens import Links
from tests.support.endpoints import LINKS, landed, sent_messages, serving

SHOP = "https://shop.test.dev/sale?for={{ first_name | urlencode }}"
APPLE = "Mozilla/5.0"


@pytest.fixture
def client(engage_url, settings_for):
    with serving(engage_url, settings_for, PREVIOUS_SECRET_KEYS="older secret") as opened:
        yield opened


@pytest.fixture
def message(engage_db):
    links = [
        SHOP,
        "javascript:alert(1)",
        "//evil.test.dev/",
        "https://u:p@evil.test.dev",
        "https://evil.test.dev\\@shop.test.dev",
    ]
    return sent_messages(engage_db, contacts=1, links=links)[0]


def test_a_click_leads_where_the_link_of_this_very_mail_led_and_is_stored(client, engage_db, message):
    answer = client.get(f"{LINKS.of(message).click}-1", headers={"user-agent": "Safari"})

    assert answer.status_code == 302
    assert answer.headers["location"] == "https://shop.test.dev/sale?for=Name1"
    assert "no-store" in answer.headers["cache-control"]
    assert landed(engage_db) == [("engage", "clicked", message)]
    detail = engage_db.execute("select detail from landing.provider_events").fetchone()[0]
    assert (detail["agent"], detail["link"], detail["method"], bool(detail["ip"])) == ("Safari", 1, "GET", True)


@pytest.mark.parametrize(
    "number", ["2", "3", "4", "5", "6", "99999", "-1", "x", "", "1?to=https://evil.test.dev", "1%0d%0aX:1"]
)
def test_whatever_is_no_plain_web_address_of_the_mail_leads_nowhere(client, engage_db, message, number):
    answer = client.get(f"{LINKS.of(message).click}-{number}")

    if number.startswith("1?"):  # what is added to a good link changes nothing of it
        assert answer.headers["location"] == "https://shop.test.dev/sale?for=Name1"
    else:
        assert answer.status_code == 404
        assert "location" not in answer.headers
        assert landed(engage_db) == []


def test_forged_tokens_tokens_of_another_purpose_and_of_another_message_lead_nowhere(client, engage_db, message):
    links, other = LINKS.of(message), LINKS.of(message + 1).click
    forged = Links(public_url="", secrets=["expired secret"]).of(message).click
    spliced = "/c/" + links.click[3:14] + other[14:]
    for wrong in (
        forged,
        spliced,
        other,
        "/c/" + links.unsubscribe[3:],
        "/c/" + links.open[3:],
        "/c/",
        "/c/x",
        "/c/" + "ä" * 30,
    ):
        answer = client.get(f"{wrong}-1")
        assert answer.status_code == 404, wrong
        assert "location" not in answer.headers
    assert landed(engage_db) == []


def test_links_signed_with_a_previous_key_go_on_working(client, message):
    older = Links(public_url="", secrets=["older secret"]).of(message)

    assert client.get(f"{older.click}-1").status_code == 302


def test_an_open_is_stored_and_the_pixel_comes_whatever_the_token(client, engage_db, message):
    good, bad = client.get(LINKS.of(message).open, headers={"user-agent": APPLE}), client.get("/o/" + "x" * 32)

    for answer in (good, bad):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/gif"
        assert answer.content[:6] == b"GIF89a"
        assert "no-store" in answer.headers["cache-control"]
    assert landed(engage_db) == [("engage", "opened", message)]
    assert engage_db.execute("select detail ->> 'agent' from landing.provider_events").fetchone() == (APPLE,)


def test_a_scanner_that_reads_every_link_is_stored_with_what_gives_it_away(client, engage_db, message):
    click = LINKS.of(message).click
    assert client.head(f"{click}-1").status_code == 302
    honeypot = client.get(f"{click}-0")
    assert honeypot.status_code == 204
    assert "location" not in honeypot.headers
    client.get(f"{click}-1")

    told = engage_db.execute(
        "select detail ->> 'method', (detail -> 'link')::int from landing.provider_events order by landed_id"
    ).fetchall()
    assert told == [("HEAD", 1), ("GET", 0), ("GET", 1)]


def test_a_template_that_was_changed_or_a_value_that_is_gone_leads_nowhere_rather_than_elsewhere(
    client, engage_db, message
):
    engage_db.execute("update engage.campaign_messages set tokens = '{}'")
    engage_db.commit()

    assert client.get(f"{LINKS.of(message).click}-1").status_code == 404
