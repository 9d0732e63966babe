"""The command line as a newcomer meets it: help, and a clear word with exit code 1 for what is wrong."""

from __future__ import annotations

import pytest

from tests.support.installation import Installation

NOWHERE = "postgresql://me:hunter2@127.0.0.1:9/engage"


@pytest.fixture
def engage(tmp_path, engage_url, crm_database):
    return Installation(
        tmp_path / "home",
        {"ENGAGE_DATABASE_URL": engage_url, "CRM_DATABASE_URL": crm_database, "DAGSTER_DATABASE_URL": crm_database},
    )


def test_help_lists_what_can_be_done(engage):
    shown = engage.engage("--help").stdout

    for command in (
        "demo",
        "run",
        "build",
        "up",
        "down",
        "bench",
        "db",
        "crm",
        "segment",
        "template",
        "campaign",
        "automation",
        "provider",
    ):
        assert command in shown


@pytest.mark.parametrize(
    ("environment", "command", "words"),
    [
        ({"ENGAGE_DATABASE_URL": NOWHERE}, ("run",), "Set ENGAGE_DATABASE_URL"),
        ({"CRM_DATABASE_URL": NOWHERE}, ("crm", "mutate"), "Set CRM_DATABASE_URL"),
        ({"ENGAGE_DATABASE_URL": "engage.db"}, ("db", "status"), "ENGAGE_DATABASE_URL: must look like postgresql://"),
        ({}, ("crm", "mutate"), "holds no demo CRM"),
        ({}, ("campaign", "launch", "nope"), "There is no campaign nope"),
        ({}, ("campaign", "create", "X", "--segment", "nobody", "--template", "t"), "There is no segment nobody"),
        ({}, ("automation", "run", "7"), "There is no campaign 7"),
        ({}, ("template", "save", "nowhere"), "holds no subject.txt"),
        ({}, ("crm", "reload", "nope"), "crm_tables.yaml lists no table nope"),
        ({}, ("provider", "test", "--to", "a@b.dev"), "RESEND_API_KEY is not set"),
        (
            {},
            ("provider", "test", "--to", "a@b.dev", "--provider", "nope"),
            "There is no provider nope. There are resend, ses",
        ),
        ({}, ("provider", "test", "--to", "a@b.dev", "--provider", "smtp"), "SMTP_URL is not set"),
        ({}, ("bench", "nope"), "There is no benchmark nope"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_wrong_is_said_in_words(engage, environment, command, words):
    engage.environment.update(environment)

    done = engage.engage(*command, code=1)

    assert words in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stdout + done.stderr


def test_a_database_that_was_not_migrated_says_what_to_run(engage, crm_database):
    engage.environment["ENGAGE_DATABASE_URL"] = crm_database

    assert "Run `engage db upgrade`" in engage.engage("run", code=1).stderr


def test_a_crm_table_that_is_missing_fails_that_table_by_its_name(engage):
    report = engage.engage("run", "--json", code=1)

    assert "The CRM has no table public.customers" in report.stdout


def test_the_made_up_crm_is_the_same_for_the_same_seed_and_refuses_to_be_overwritten(engage):
    first = engage.json("crm", "seed", "--customers", "60")["rows"]

    assert "--replace" in engage.engage("crm", "seed", code=1).stderr
    assert engage.json("crm", "seed", "--customers", "60", "--replace")["rows"] == first
    assert engage.json("crm", "mutate", "--changes", "60")["changed"]["new_orders"] == 24
