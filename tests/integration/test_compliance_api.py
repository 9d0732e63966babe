"""/v1/suppressions, /v1/topics, /v1/caps, /v1/contacts/{id}/consent and their commands: the same words, nothing open without the key."""

import json

import psycopg
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from engage_db.settings import load_settings
from tests.factories import engage as factory

KEY = {"Authorization": "Bearer s3cret"}
PROOF = {"wording": "Send me the news", "ip": "198.51.100.7"}
ROUTES = [
    ("GET", "/suppressions"), ("POST", "/suppressions"), ("POST", "/suppressions/csv"), ("POST", "/suppressions/1/lift"),
    ("GET", "/topics"), ("POST", "/topics"), ("PATCH", "/topics/x"), ("GET", "/contacts/1/consent"),
    ("POST", "/contacts/1/consent"), ("GET", "/caps"), ("PUT", "/caps/email"),
]  # fmt: skip


@pytest.fixture(scope="module")
def url(cluster):
    with cluster.migrated_database() as url:
        with psycopg.connect(url, options="-c timezone=UTC") as db:
            factory.build(db)
            for number in range(1, 4):
                factory.add_contact(db, number)
        yield url


@pytest.fixture
def installation(url, settings_for):
    settings_for.setenv("ENGAGE_DATABASE_URL", url)
    settings_for.setenv("API_KEY", "s3cret")
    load_settings.cache_clear()
    with psycopg.connect(url, autocommit=True) as db:
        yield db
        db.execute("truncate engage.suppressions, engage.consent_records, engage.topics restart identity cascade")


@pytest.fixture
def api(installation):
    from http_api.main import create_app

    def ask(method, path, content_type=None, **options):
        headers = KEY if content_type is None else {**KEY, "Content-Type": content_type}
        with TestClient(create_app(), raise_server_exceptions=False) as client:
            return client.request(method, f"/v1{path}", headers=headers, **options)

    return ask


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nothing_answers_without_the_key(installation, method, path):
    from http_api.main import create_app

    assert TestClient(create_app()).request(method, f"/v1{path}", json={}).status_code == 401


def test_a_suppression_is_added_found_and_lifted(api):
    added = api("POST", "/suppressions", json={"address": "A@b.example", "evidence": {"ticket": 7}})
    again = api("POST", "/suppressions", json={"address": "a@b.example"}).json()
    lifted = api("POST", "/suppressions/1/lift", json={"because": "a mistake"})

    (entry,) = api("GET", "/suppressions?text=a@").json()["suppressions"]
    assert (added.status_code, added.json()["changed"], again["changed"], lifted.status_code) == (201, True, False, 204)
    assert (entry["holds"], entry["lifted_by"], entry["evidence"]) == (False, "api", {"ticket": 7, "by": "api"})


def test_pages_go_on_until_there_is_no_next(api):
    api("POST", "/suppressions/csv", content=b"address\na@b.example\nc@d.example\ne@f.example\n")

    first = api("GET", "/suppressions?limit=2").json()
    second = api("GET", f"/suppressions?limit=2&after={first['next']}").json()

    assert ([len(page["suppressions"]) for page in (first, second)], second["next"]) == ([2, 1], None)


def test_a_complaint_is_not_lifted_by_a_program(api):
    api("POST", "/suppressions", json={"contact_id": 1, "reason": "complaint"})

    refused = api("POST", "/suppressions/1/lift", json={"because": "they came back"})

    assert (refused.status_code, "by a person only" in refused.json()["detail"]) == (409, True)


def test_a_decision_about_a_topic_is_recorded_with_its_proof(api):
    api("POST", "/topics", json={"key": "offers", "name": "Offers"})

    answer = api(
        "POST", "/contacts/2/consent",
        json={"status": "unsubscribed", "topic": "offers", "source": "telephone", "proof": PROOF},
    )  # fmt: skip

    assert answer.status_code == 201
    shown = api("GET", "/contacts/2/consent").json()
    states = {(state["channel"], state["topic"]): state["status"] for state in shown["states"]}
    assert (states["email", "offers"], states["email", None]) == ("unsubscribed", "subscribed")
    assert [(record["source"], record["proof"]) for record in shown["history"]] == [("telephone", PROOF)]
    assert [entry["reason"] for entry in shown["suppressions"]] == ["unsubscribed_topic"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/suppressions", b'{"address": "nobody"}', 409),
        ("POST", "/suppressions", b'{"address": "a@b.example", "evidence": {"x": NaN}}', 409),
        ("POST", "/suppressions", b'{"address": "a\\u0000@b.example"}', 422),
        ("POST", "/suppressions", b'{"address": "a@b.example", "evidence": {"x": "\\u0000"}}', 409),
        ("POST", "/suppressions", b'{"contact_id": 99999999999999999999}', 422),
        ("POST", "/suppressions", b'{"address": "a@b.example", "shout": 1}', 422),
        ("POST", "/suppressions/77/lift", b'{"because": "a mistake"}', 404),
        ("POST", "/topics", b'{"key": "Bad Key", "name": "X"}', 409),
        ("PATCH", "/topics/nothing", b'{"name": "X"}', 404),
        ("POST", "/contacts/1/consent", b'{"status": "subscribed", "source": "x"}', 409),
        ("POST", "/contacts/1/consent", b'{"status": "maybe", "source": "x"}', 422),
        ("POST", "/contacts/1/consent", b'{"status": "unsubscribed", "source": "x", "topic": "nothing"}', 404),
        ("PUT", "/caps/email", b'{"most": -1}', 422),
        ("PUT", "/caps/fax", b'{"most": 1}', 409),
        ("GET", "/suppressions?reason=annoying", b"", 409),
        ("POST", "/suppressions/csv", b"name\nada\n", 409),
    ],
)
def test_what_cannot_be_had_is_refused_in_words_and_changes_nothing(api, installation, method, path, body, status):
    answer = api(method, path, content=body, content_type="text/csv" if path.endswith("csv") else "application/json")

    assert (answer.status_code, bool(answer.json()["detail"])) == (status, True)
    counted = "select (select count(*) from engage.suppressions) + (select count(*) from engage.consent_records)"
    assert installation.execute(counted).fetchone() == (0,)


def test_a_cap_is_set_and_read(api):
    api("PUT", "/caps/email", json={"most": 4, "window_hours": 48})

    caps = {cap["channel"]: (cap["most"], cap["window_hours"]) for cap in api("GET", "/caps").json()["caps"]}
    assert caps["email"] == (4, 48)


# -- the command line


@pytest.fixture
def engage(installation):
    from activation.errors import Refused
    from console.main import app

    def run(*arguments, input=None, code=0):
        result = CliRunner().invoke(app, arguments, input=input)
        if isinstance(result.exception, Refused):
            assert code == 1, result.exception
            return str(result.exception)
        assert result.exit_code == code, result.output
        return json.loads(result.output) if "--json" in arguments else result.output

    return run


def test_the_list_lives_its_life_on_the_command_line(engage, tmp_path):
    out = tmp_path / "out.csv"

    assert "holds now" in engage("suppression", "add", "a@b.example", "--because", "asked by telephone")
    assert engage("suppression", "add", "--contact", "1", "--reason", "complaint", "--json")["changed"] is True
    assert "a@b.example" in engage("suppression", "list")
    assert len(engage("suppression", "list", "--reason", "complaint", "--json")["suppressions"]) == 1
    assert "2 rows: 1 added, 1 held before" in engage(
        "suppression", "import", "-", input="address\na@b.example\nc@d.example\n"
    )
    assert "3 suppressions are in" in engage("suppression", "export", str(out))
    assert "is lifted" in engage("suppression", "lift", "1", "--because", "a slip")
    assert "Say in words" in engage("suppression", "lift", "2", code=1)
    assert len(engage("suppression", "list", "--held", "--json")["suppressions"]) == 2


def test_topics_consent_and_caps_live_theirs(engage):
    engage("topic", "create", "offers", "--name", "Offers")
    assert "is retired" in engage("topic", "update", "offers", "--retire")
    assert engage("topic", "list", "--json")["topics"][0]["is_active"] is False

    shown = engage(
        "consent", "record", "3", "unsubscribed", "--wording", "take me off", "--at", "2026-03-01T10:00+01:00", "--json"
    )
    assert shown["history"][0]["proof"] == {"wording": "take me off"}
    assert "wording:" in engage("consent", "show", "3")

    assert "At most 3 marketing messages by email in any 7 days" in engage(
        "cap", "set", "--channel", "email", "--most", "3", "--days", "7"
    )
    assert engage("cap", "show", "--json")["caps"][0]["most"] == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("suppression", "add"), "needs an address"),
        (("suppression", "import", "/nowhere.csv"), "cannot be read"),
        (("topic", "update", "nothing", "--name", "X"), "no topic nothing"),
        (("consent", "record", "1", "subscribed", "--wording", "x", "--at", "soon"), "is no time"),
        (("consent", "record", "1", "maybe", "--wording", "x"), "not 'maybe'"),
        (("cap", "set", "--most", "3", "--days", "1", "--hours", "2"), "either --days or --hours"),
    ],
)
def test_mistakes_are_said_in_words(engage, arguments, words):
    assert words in engage(*arguments, code=1)
