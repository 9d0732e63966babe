"""/v1/campaigns and `engage campaign`: the same commands, and nothing open without the key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from fastapi.testclient import TestClient

from activation.campaigns import commands, runs
from engage_db.settings import load_settings
from http_api.routes import campaigns
from tests.factories import engage as given

KEY = {"Authorization": "Bearer s3cret"}
RULES = {
    "priority": 80,
    "messages_per_minute": 600,
    "holdout_percent": 5,
    "quiet_hours": ["21:00:00", "08:00:00"],
    "window_days": [1, 2, 3],
}


@pytest.fixture
def db(engage_url, settings_for, tmp_path):
    settings = {
        "ENGAGE_DATABASE_URL": engage_url, "API_KEY": "s3cret", "SECRET_KEY": "test secret", "ENGAGE_HOME": str(tmp_path),
        "PUBLIC_URL": "https://engage.test.dev", "POSTAL_ADDRESS": "Via Roma 1",
    }  # fmt: skip
    for name, value in settings.items():
        settings_for.setenv(name, value)
    load_settings.cache_clear()
    with psycopg.connect(engage_url, autocommit=True, options="-c timezone=UTC") as opened:
        yield opened


@pytest.fixture
def campaign(db):
    """The launched campaign `sale` to five contacts."""
    made = given.add_campaign(db)
    given.pass_data_tests(db, now=datetime.now(UTC))
    return made


@pytest.fixture
def call(db):
    """Calls with the key and gives status and content."""
    from http_api.main import create_app

    client = TestClient(create_app(), raise_server_exceptions=False)

    def ask(method, path, body=None):
        answer = client.request(method, f"/v1{path}", headers=KEY, json=body)
        return answer.status_code, answer.json()

    ask.client = client
    return ask


def messages(db, run_id):
    found = db.execute(
        "select message_id from engage.campaign_messages where campaign_run_id = %s order by contact_id", [run_id]
    )
    return [row[0] for row in found.fetchall()]


def triggered(db, call):
    """The launched campaign `receipt`, for one contact at a time."""
    call("POST", "/campaigns", {"name": "Receipt", "template": "news"})
    assert call("POST", "/campaigns/receipt/launch")[1]["campaign"]["state"] == "scheduled"


def test_nothing_answers_without_the_key(call):
    routes = [(method, route.path) for route in campaigns.router.routes for method in route.methods]

    assert len(routes) == 15
    for method, path in routes:
        assert call.client.request(method, path.format(key="sale", contact_id=1)).status_code == 401, path


def test_a_campaign_is_made_looked_at_changed_and_copied(call, campaign):
    status, made = call(
        "POST", "/campaigns", {"name": "Spring", "segment": "everybody", "template": "news", "rules": RULES}
    )
    assert (status, made["campaign"]["key"], made["campaign"]["state"]) == (201, "spring", "draft")
    assert made["campaign"]["created_by"] == "api"
    assert {name: made["campaign"][name] for name in ("priority", "quiet_from", "window_days")} == {
        "priority": 80, "quiet_from": "21:00:00", "window_days": [1, 2, 3],
    }  # fmt: skip

    change = {"name": "Spring sale", "at": "2027-03-01T09:00:00", "rules": {"quiet_hours": None, "priority": 10}}
    status, changed = call("PATCH", "/campaigns/spring", change)
    assert status == 200
    assert changed["campaign"]["name"] == "Spring sale"
    assert datetime.fromisoformat(changed["campaign"]["next_run_at"]) == datetime(2027, 3, 1, 8, tzinfo=UTC)  # Rome
    assert (changed["campaign"]["quiet_from"], changed["campaign"]["priority"]) == (None, 10)
    assert changed["campaign"]["messages_per_minute"] == 600

    status, copy = call("POST", "/campaigns/spring/clone", {"name": "Summer"})
    assert (status, copy["campaign"]["key"], copy["campaign"]["priority"]) == (201, "summer", 10)
    assert {each["key"] for each in call("GET", "/campaigns")[1]["campaigns"]} == {"sale", "spring", "summer"}


def test_a_campaign_goes_through_its_states(db, call, campaign):
    given.begin_run(db, campaign)

    assert call("POST", "/campaigns/sale/pause")[1]["campaign"]["state"] == "paused"
    assert call("POST", "/campaigns/sale/resume")[1]["campaign"]["state"] == "sending"
    paced = call("POST", "/campaigns/sale/throttle", {"messages_per_minute": 30})[1]["campaign"]
    assert paced["messages_per_minute"] == 30
    unpaced = call("POST", "/campaigns/sale/throttle", {"messages_per_minute": None})[1]["campaign"]
    assert unpaced["messages_per_minute"] is None
    assert call("POST", "/campaigns/sale/cancel")[1]["campaign"]["state"] == "cancelled"
    status, answer = call("POST", "/campaigns/sale/pause")
    assert (status, answer["detail"]) == (
        409, "sale is cancelled: there is nothing to pause. Clone it to send again.",
    )  # fmt: skip
    assert given.states(db) == {"cancelled": 5}


def test_the_ledger_has_every_message_in_one_state(db, call, campaign):
    run_id = given.begin_run(db, campaign)
    first, second, *_ = messages(db, run_id)
    db.execute("update engage.campaign_messages set state = 'delivered' where message_id = %s", [first])
    db.execute(
        "update engage.campaign_messages set state = 'skipped', reason = 'suppressed' where message_id = %s", [second]
    )

    _, shown = call("GET", "/campaigns/sale")

    assert shown["campaign"]["state"] == "sending"
    assert shown["ledger"] == {
        "targeted": 5, "queued": 3, "claimed": 0, "sent": 1, "delivered": 1, "bounced": 0, "skipped": 1, "failed": 0,
        "cancelled": 0, "unknown": 0, "dead": 0, "adds_up": True,
    }  # fmt: skip
    assert shown["skipped"] == {"suppressed": 1}


def test_what_a_guard_stopped_says_why_and_goes_on(db, call, campaign):
    run_id = given.begin_run(db, campaign)
    db.execute(
        runs.SQL.stop_run, {"campaign_run_id": run_id, "reason": "the segment is ten times as large", "now": given.NOW}
    )

    _, shown = call("GET", "/campaigns/sale")
    assert shown["campaign"]["state"] == "stopped_by_guard"
    assert any("ten times as large" in problem for problem in shown["problems"])

    assert call("POST", "/campaigns/sale/resume")[1]["campaign"]["state"] == "preparing"


def test_a_dry_run_rehearses_and_stores_nothing(db, call, campaign):
    status, rehearsed = call("POST", "/campaigns/sale/dry-run?samples=2")

    assert status == 200
    assert (rehearsed["targeted"], rehearsed["queued"], len(rehearsed["samples"])) == (5, 5, 2)
    assert given.states(db) == {}


def test_why_answers_in_a_sentence(db, call, campaign):
    given.begin_run(db, campaign)

    status, answer = call("GET", "/campaigns/sale/why/1")

    assert status == 200
    assert "waits to be sent" in answer["sentence"]


def test_a_dry_run_says_that_a_segment_is_gone(db, call, campaign):
    db.execute("update engage.segments set is_active = false")

    _, report, *_ = call("POST", "/campaigns/sale/dry-run", {})

    assert (
        "It would be stopped: these of its segments are gone: everybody; edit the campaign to use others."
        in report["problems"]
    )


def test_a_triggered_message_is_asked_for_twice_and_queued_once(db, call, campaign):
    triggered(db, call)
    wanted = {"contact_ids": [1, 2], "trigger_key": "order-7"}

    first, second = (call("POST", "/campaigns/receipt/trigger", wanted) for _ in range(2))

    assert (first[0], first[1]["is_new"], second[1]["is_new"]) == (202, True, False)
    assert first[1]["outcome"] == second[1]["outcome"] == {"1": "queued", "2": "queued"}
    assert given.states(db) == {"queued": 2}


def test_nothing_is_triggered_while_a_segment_to_be_left_out_is_gone(db, call, campaign):
    triggered(db, call)
    staff = given.add_segment(db, "staff", [2])
    db.execute("update engage.campaigns set excluded_segment_ids = %s where key = 'receipt'", [[staff]])
    db.execute("update engage.segments set is_active = false where key = 'staff'")

    status, answer, *_ = call("POST", "/campaigns/receipt/trigger", {"contact_ids": [1, 2]})

    assert status == 409, answer
    assert "staff" in str(answer)
    assert given.states(db) == {}


def test_dead_letters_are_listed_by_pages_and_sent_again(db, call, campaign):
    ids = messages(db, given.begin_run(db, campaign))
    parked = db.execute(
        "insert into engage.send_batches (campaign_run_id, batch_number, provider, idempotency_key, state, size, message_ids, "
        "first_attempt_at, next_attempt_at, created_at, attempts) "
        "select campaign_run_id, 1, 'resend', 'k', 'unknown', 5, %s, %s, now(), now(), 4 from engage.campaign_runs "
        "returning batch_id",
        [ids, datetime.now(UTC) - timedelta(days=2)],
    ).fetchone()
    db.execute("update engage.campaign_messages set state = 'unknown', provider = 'resend', batch_id = %s", parked)

    _, page = call("GET", "/dead-letters?limit=3")
    _, rest = call("GET", f"/dead-letters?limit=3&after={page['next']}")
    assert [letter["message_id"] for letter in page["dead_letters"] + rest["dead_letters"]] == ids[::-1]
    assert rest["next"] is None

    _, refused = call("POST", "/dead-letters/requeue", {"message_ids": ids})
    assert (refused["requeued"], len(refused["refused"])) == (0, 5)
    _, sent = call("POST", "/dead-letters/requeue", {"message_ids": ids, "accept_doubles": True})
    assert (sent["requeued"], sent["new_key"]) == (5, 5)
    assert given.states(db) == {"queued": 5}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", "/campaigns/nope", None, 404, "There is no campaign nope"),
        ("POST", "/campaigns", {"name": "S", "segment": "no", "template": "news"}, 404, "There is no segment no"),
        ("POST", "/campaigns", {"name": "Sale", "segment": "everybody", "template": "news"}, 409, "already a campaign"),
        ("POST", "/campaigns", {"name": "S", "segment": "everybody", "template": "news", "cron": "x"}, 409, "x"),
        ("POST", "/campaigns", {"name": "S", "template": "news", "time_zone": "Mars"}, 409, "Mars"),
        ("POST", "/campaigns/sale/launch", None, 409, "only a draft can be launched"),
        ("POST", "/campaigns/sale/trigger", {"contact_ids": [1]}, 409, "only one without a segment is triggered"),
        ("PATCH", "/campaigns/sale", {"rules": {"quiet_hours": ["09:00", "09:00"]}}, 409, "same minute"),
        ("PATCH", "/campaigns/sale", {"rules": {"priority": 101}}, 422, "not understood"),
        ("PATCH", "/campaigns/sale", {"state": "finished"}, 422, "not understood"),
        ("POST", "/campaigns", {"name": "a\0b", "template": "news"}, 422, "not understood"),
        ("POST", "/campaigns/sale/throttle", {"messages_per_minute": 2**40}, 422, "not understood"),
        ("GET", "/campaigns/sale/why/99999999999999999999", None, 422, "not understood"),
        ("POST", "/dead-letters/requeue", {"message_ids": []}, 422, "not understood"),
        ("GET", "/campaigns/%00", None, 422, "not understood"),
    ],
)
def test_what_cannot_be_had_is_refused_in_words_and_changes_nothing(
    db, call, campaign, method, path, body, status, words
):
    before = commands.list_campaigns(db)

    answered, content = call(method, path, body)

    assert (answered, words in content["detail"]) == (status, True), content
    assert commands.list_campaigns(db) == before
