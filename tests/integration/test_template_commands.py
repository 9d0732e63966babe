"""engage template: from files to versions and back, in words for people and JSON for programs."""

from __future__ import annotations

import json
import shutil

import pytest

from activation.templates.library import LIBRARY
from tests.factories import engage as given
from tests.support.installation import Installation


@pytest.fixture
def engage(tmp_path, engage_db, engage_url, crm_database):
    given.build(engage_db)
    given.add_contact(engage_db, 12, first_name="Zoë")
    engage_db.commit()
    return Installation(
        tmp_path / "home",
        {"ENGAGE_DATABASE_URL": engage_url, "CRM_DATABASE_URL": crm_database, "DAGSTER_DATABASE_URL": crm_database},
    )


@pytest.fixture
def folder(tmp_path):
    copied = shutil.copytree(LIBRARY / "welcome", tmp_path / "hello")
    (copied / "about.json").unlink()
    return copied


def template(engage, *words):
    return json.loads(engage.engage("template", *words, "--json").stdout)


def test_a_template_goes_from_files_through_versions_to_a_mail(engage, folder):
    assert template(engage, "save", str(folder))["templates"][0]["version"] == 1
    (folder / "subject.txt").write_text("Hello {{ first_name | default('you', true) }}")
    assert template(engage, "save", str(folder), "--note", "shorter")["templates"][0]["version"] == 2

    assert "+Hello {{ first_name" in template(engage, "diff", "hello", "1", "2")["parts"]["subject"]
    assert (
        template(engage, "preview", "hello", "--contact", "12", "--out", str(folder / "x.html"))["subject"]
        == "Hello Zoë"
    )
    assert "Zoë" in (folder / "x.html").read_text()
    assert (
        template(engage, "test", "hello", "--to", "me@demo.dev", "--provider", "sandbox")["subject"]
        == "[Test] Hello Ada"
    )
    assert template(engage, "rollback", "hello", "1")["templates"][0]["version"] == 3
    assert [v["change_note"] for v in template(engage, "history", "hello")["versions"]] == [
        "back to version 1",
        "shorter",
        "",
    ]
    assert template(engage, "show", "hello", "--version", "2")["subject"].startswith("Hello")
    assert [t["version"] for t in template(engage, "list")["templates"]] == [3]
    assert template(engage, "lint", "hello")["problems"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "nope"), "There is no template nope"),
        (("diff", "nope", "1", "2"), "There is no template nope"),
        (("rollback", "nope", "1"), "There is no template nope"),
        (("test", "nope", "--to", "a@b.dev", "--provider", "pigeon"), "There is no provider pigeon"),
        (("save", ".", "--class", "spam"), "There is no class spam"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(engage, words, said):
    done = engage.engage("template", *words, code=1)

    assert said in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr


def test_the_lint_of_a_folder_names_what_is_wrong_and_fails(engage, folder):
    (folder / "body.txt").write_text("Hello {{ frist_name }}")

    done = engage.engage("template", "lint", str(folder), "--json", code=1)
    assert any("unknown token" in problem["what"] for problem in json.loads(done.stdout)["problems"])
