"""/v1/segments and `engage segment`: the same commands, and nothing open without the key."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import psycopg
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from engage_db.settings import load_settings
from tests.factories import engage as factory

PROS = {"version": 1, "where": {"type": "attribute", "attribute": "plan", "operator": "equals", "value": "pro"}}
ROMANS = {"version": 1, "where": {"type": "attribute", "attribute": "city", "operator": "equals", "value": "Rome"}}
KEY = {"Authorization": "Bearer s3cret"}


@pytest.fixture
def installation(engage_url, settings_for):
    settings_for.setenv("ENGAGE_DATABASE_URL", engage_url)
    settings_for.setenv("API_KEY", "s3cret")
    load_settings.cache_clear()
    with psycopg.connect(engage_url, autocommit=True, options="-c timezone=UTC") as db:
        factory.build(db)
        factory.pass_data_tests(db, now=datetime.now(UTC))
        for number in range(1, 7):
            factory.add_contact(
                db, number, plan="pro" if number <= 4 else "free", city="Rome" if number % 2 else "Paris"
            )
        yield db


@pytest.fixture
def api(installation):
    from http_api.main import create_app

    return TestClient(create_app(), raise_server_exceptions=False)


def test_nothing_answers_without_the_key_nor_when_no_key_is_set(api, settings_for):
    routes = [
        ("GET", ""),
        ("POST", ""),
        ("GET", "/x"),
        ("PATCH", "/x"),
        ("DELETE", "/x"),
        ("POST", "/preview"),
        ("GET", "/x/members"),
    ]
    for method, path in routes:
        assert api.request(method, f"/v1/segments{path}").status_code == 401
        assert api.request(method, f"/v1/segments{path}", headers={"Authorization": "Bearer wrong"}).status_code == 401
    settings_for.setenv("API_KEY", "")
    load_settings.cache_clear()
    assert api.get("/v1/segments", headers=KEY).status_code == 503


def test_a_segment_lives_its_life_over_http(api):
    made = api.post(
        "/v1/segments", headers=KEY, json={"key": "pros", "kind": "rules", "title": "Pros", "definition": PROS}
    )
    assert made.status_code == 201
    assert made.json()["refreshed"]["size"] == 4
    assert [each["key"] for each in api.get("/v1/segments", headers=KEY).json()["segments"]] == ["pros"]
    assert api.get("/v1/segments/pros/members?limit=2", headers=KEY).json()["next"] == 2
    assert api.get("/v1/segments/pros/why/1", headers=KEY).json()["root"]["found"] == "pro"
    preview = api.post("/v1/segments/preview", headers=KEY, json={"definition": ROMANS}).json()
    assert (preview["total"], preview["reachable"]) == (3, 3)
    diff = api.post("/v1/segments/pros/diff", headers=KEY, json={"definition": ROMANS}).json()
    assert (diff["entering"], diff["leaving"], diff["staying"]) == (1, 2, 2)
    changed = api.patch("/v1/segments/pros", headers=KEY, json={"definition": ROMANS, "expected_version": 1}).json()
    assert changed["refreshed"]["size"] == 3
    assert (
        api.patch("/v1/segments/pros", headers=KEY, json={"definition": PROS, "expected_version": 1}).status_code == 409
    )
    assert [each["version"] for each in api.get("/v1/segments/pros", headers=KEY).json()["versions"]] == [2, 1]
    assert len(api.post("/v1/segments/pros/backtest", headers=KEY, json={}).json()["points"]) == 30
    assert "ref(" in api.get("/v1/segments/pros/export", headers=KEY).json()["sql"]
    assert api.post("/v1/segments/pros/evaluate", headers=KEY).json()["problem"] is None
    assert api.post("/v1/segments/evaluate", headers=KEY).json()["refreshed"][0]["size"] == 3
    assert api.post("/v1/segments/pros/preview?sample=1", headers=KEY).json()["total"] == 3
    assert api.post("/v1/segments/pros/snapshots/now", headers=KEY).json()["size"] == 3
    assert api.delete("/v1/segments/pros", headers=KEY).status_code == 204
    assert api.get("/v1/segments/pros", headers=KEY).status_code == 404


def test_a_wrong_definition_is_answered_with_every_problem_and_its_place(api):
    wrong = {
        "version": 1,
        "where": {
            "type": "or",
            "conditions": [
                {"type": "attribute", "attribute": "plann", "operator": "is_set"},
                {"type": "segment", "segment": "x"},
            ],
        },
    }
    answer = api.post(
        "/v1/segments", headers=KEY, json={"key": "x", "kind": "rules", "title": "X", "definition": wrong}
    )

    assert answer.status_code == 422
    assert [problem["where"] for problem in answer.json()["problems"]] == [
        "where.conditions[1].attribute",
        "where.conditions[2].segment",
    ]


def test_lists_take_ids_and_csv(api):
    api.post("/v1/segments", headers=KEY, json={"key": "fair", "kind": "manual", "title": "Fair", "definition": {}})

    ids = api.post("/v1/segments/fair/list", headers=KEY, json={"contact_ids": [1, 2, 77]}).json()
    csv = api.post("/v1/segments/fair/csv", headers=KEY, content=b"email\nc5@mail.test.dev\n").json()

    assert (ids["upload"]["added"], len(ids["upload"]["problems"])) == (2, 1)
    assert csv["refreshed"]["size"] == 3


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"key": 1e999}',
        b"\xff\xfe",
        b'{"key":"a","kind":"dbt","title":"x","definition":{}}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_request_is_answered_with_4xx(api, body):
    assert (
        400
        <= api.post("/v1/segments", headers={**KEY, "content-type": "application/json"}, content=body).status_code
        < 500
    )


# -- the command line


@pytest.fixture
def engage(installation):
    from activation.errors import Refused
    from console.main import app

    def run(*arguments, input=None, code=0):
        result = CliRunner().invoke(app, ["segment", *arguments], input=input)
        if isinstance(result.exception, Refused):
            assert code == 1, result.exception
            return str(result.exception)
        assert result.exit_code == code, result.output
        return json.loads(result.output) if "--json" in arguments and code == 0 else result.output

    return run


def test_a_segment_lives_its_life_on_the_command_line(engage, tmp_path):
    definition = tmp_path / "pros.json"
    definition.write_text(json.dumps(PROS))
    romans = json.dumps(ROMANS)

    assert engage("create", "pros", "--title", "Pros", "-d", str(definition), "--json")["refreshed"][0]["size"] == 4
    assert engage("list", "--json")["segments"][0]["key"] == "pros"
    assert "Pros" in engage("show", "pros")
    assert engage("preview", "-d", "-", "--json", input=romans)["total"] == 3
    assert "3 contacts, 3 can be written to" in engage("preview", "-d", "-", input=romans)
    assert engage("diff", "pros", "-d", "-", "--json", input=romans)["entering"] == 1
    assert "✓ plan is pro  → pro" in engage("why", "pros", "1")
    assert engage("why", "pros", "5", "--json")["is_member"] is False
    assert engage("members", "pros", "--json")["members"][0]["contact_id"] == 1
    assert len(engage("backtest", "pros", "--days", "3", "--json")["points"]) == 3
    assert engage("update", "pros", "-d", "-", "--json", input=romans)["refreshed"][0]["size"] == 3
    engage("export", "pros", "--folder", str(tmp_path / "models"))
    assert "ref(" in (tmp_path / "models" / "pros_reviewed.sql").read_text()
    assert engage("evaluate", "--json")["refreshed"][0]["key"] == "pros"
    assert engage("snapshot", "pros", "today", "--json")["size"] == 3
    assert "is deleted" in engage("delete", "pros")


def test_lists_are_uploaded_with_a_report_of_rows_that_name_nobody(engage, tmp_path):
    file = tmp_path / "list.csv"
    file.write_text("contact_id\n1\n99\n")
    engage("create", "fair", "--kind", "manual", "--title", "Fair")

    report = engage("upload", "fair", str(file))

    assert "2 rows: 1 added" in report
    assert "is no contact" in report


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "nobody"), "There is no active segment nobody"),
        (("create", "x", "--title", "X"), "Give the definition"),
        (("create", "x", "--title", "X", "-d", "/nowhere.json"), "cannot be read"),
        (("preview", "-d", "-"), "is no JSON"),
        (("create", "Bad Key", "--title", "X", "--kind", "manual"), "is no key"),
        (("backtest", "--dates", "yesterday", "-d", "-"), "Write 2026-03-01"),
    ],
)
def test_mistakes_are_said_in_words(engage, arguments, words):
    assert words in engage(*arguments, input="{", code=1)
