"""The builder's native parts: forms beside the tree, lists, JSON, and what somebody else saved meanwhile."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import psycopg
import pytest

from activation.segments import commands
from engage_db.settings import load_settings
from tests.factories import engage as factory
from tests.pages.test_pages import metrics, open_page, words

__all__ = ["open_page"]
pytestmark = pytest.mark.filterwarnings("ignore")

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PRO = {"type": "attribute", "attribute": "plan", "operator": "equals", "value": "pro"}


@pytest.fixture
def db(engage_url, settings_for):
    """Four contacts; the first two are pro, the first has ordered and then paid."""
    settings_for.setenv("ENGAGE_DATABASE_URL", engage_url)
    load_settings.cache_clear()
    with psycopg.connect(engage_url, autocommit=True) as db:
        factory.build(db)
        for number, plan in enumerate(["pro", "pro", "free", None], 1):
            factory.add_contact(db, number, plan=plan, full_name=f"Name {number}")
        db.execute(
            "insert into core.events (contact_id, event_name, occurred_at, value, properties) values "
            "(1, 'order_created', now() - interval '3 days', 10, '{\"channel\": \"shop\"}'), "
            "(1, 'order_paid', now() - interval '2 days', 10, '{}'), "
            "(2, 'order_created', now() - interval '3 days', 10, '{\"channel\": \"phone\"}')"
        )
        yield db


@pytest.fixture
def builder(open_page, engage_url, db):
    return lambda **parameters: open_page(engage_url, "segment_builder", **parameters)


def create(db, key="pros", kind="rules", definition=None):
    given = definition if definition is not None else {"version": 1, "where": PRO}
    return commands.create(db, key, kind=kind, title=key.title(), definition=given, actor="ada", now=NOW)


def choose(app, label, value):
    next(each for each in app.selectbox if each.label == label).set_value(value).run()
    assert not app.exception, app.exception[0].message


def press(app, label):
    next(each for each in app.button if each.label == label).click().run()
    assert not app.exception, app.exception[0].message


def saved(db, key):
    return db.execute("select definition from engage.segments where key = %s", [key]).fetchone()[0]


def members(db, key):
    return [
        row[0]
        for row in db.execute(
            "select contact_id from engage.segment_members join engage.segments using (segment_id) where key = %s order by 1",
            [key],
        )
    ]


def test_a_sequence_is_added_beside_the_tree_counted_and_saved(builder, db):
    app = builder()
    choose(app, "First", "order_created")
    choose(app, "And then", "order_paid")
    press(app, "Add this")
    assert metrics(app)["People"] == "1"

    app.text_input(key="segment_name").set_value("Payers").run()
    press(app, "Save")

    assert saved(db, "payers")["where"]["type"] == "event_sequence"
    assert members(db, "payers") == [1]


def test_a_property_filter_narrows_a_measure(builder, db):
    app = builder()
    choose(app, "What about", "sum, average, least or most of a number")
    choose(app, "Over", "order_created")
    choose(app, "Which …", "channel")
    app.text_input(key="value_value_equals_measure_0").set_value("phone").run()
    next(each for each in app.selectbox if each.key == "how_numeric_measure").set_value("at_least").run()
    app.number_input(key="value_value_at_least_measure").set_value(5).run()
    press(app, "Add this")

    assert metrics(app)["People"] == "1"
    assert "sum of value over order_created with channel is phone ≥ 5" in words(app).replace("\\", "")


@pytest.mark.parametrize(
    "what",
    [
        "did one thing and then another", "sum, average, least or most of a number", "has been the same for some days",
        "first or last time did", "a campaign, within a time", "an attribute, any operator", "stage in the sales funnel",
        "a random share of its own",
    ],
)  # fmt: skip
def test_every_further_form_opens(builder, what):
    app = builder()
    choose(app, "What about", what)
    assert (
        "Fill in" in words(app) or any(button.label == "Add this" for button in app.button) or "past of" in words(app)
    )


def test_what_the_tree_cannot_draw_is_shown_in_words_and_kept_when_something_else_is_changed(builder, db):
    sequence = {"type": "event_sequence", "event": "order_created", "then": "order_paid", "within_days": 7}
    definition = {"version": 1, "where": {"type": "and", "conditions": [PRO, sequence]}}
    create(db, definition=definition)

    app = builder(segment="pros")
    assert "did order_created and then order_paid within 7 days" in words(app).replace("\\", "")
    assert "What saving would change" not in words(app)
    app.text_input(key="segment_name").set_value("Paying pros").run()
    press(app, "Save")

    assert saved(db, "pros")["where"]["conditions"] == [PRO, {**sequence}]
    assert members(db, "pros") == [1]


def test_taking_out_a_condition_shows_who_would_come(builder, db):
    sequence = {"type": "event_sequence", "event": "order_created", "then": "order_paid", "within_days": 7}
    create(db, definition={"version": 1, "where": {"type": "and", "conditions": [PRO, sequence]}})

    app = builder(segment="pros")
    press(app, "Take out")

    assert metrics(app)["Enter"] == "2"
    assert metrics(app)["Leave"] == "0"


def test_what_somebody_else_saved_meanwhile_is_told_and_not_overwritten(builder, db):
    create(db, kind="sql", definition={"sql": "select contact_id from profiles.contact_profiles"})
    app = builder(segment="pros")
    commands.update(
        db, "pros", definition={"sql": "select contact_id from core.contacts"}, actor="bob", now=NOW, expected_version=1
    )

    app.text_area[0].set_value("select 1 as contact_id").run()
    assert "bob saved version 2 meanwhile" in words(app)
    press(app, "Save")
    assert "has been changed meanwhile" in words(app)
    assert saved(db, "pros") == {"sql": "select contact_id from core.contacts"}

    press(app, "Open the newest version")
    assert "meanwhile" not in words(app)


def test_json_is_drawn_again_when_the_tree_comes_back(builder, db):
    app = builder()
    app.toggle(key="as_json").set_value(True).run()
    app.text_area(key="written_json").set_value(json.dumps({"version": 1, "where": PRO})).run()
    assert metrics(app)["People"] == "2"

    app.toggle(key="as_json").set_value(False).run()
    assert metrics(app)["People"] == "2"
    app.toggle(key="as_json").set_value(True).run()
    assert json.loads(app.text_area(key="written_json").value) == {"version": 1, "where": PRO}


def test_json_that_is_none_and_unknown_names_are_told(builder, db):
    app = builder()
    app.toggle(key="as_json").set_value(True).run()
    app.text_area(key="written_json").set_value("{").run()
    assert "This is no JSON" in words(app)
    app.text_area(key="written_json").set_value(json.dumps({"version": 1, "where": {**PRO, "attribute": "plam"}})).run()
    assert "did you mean plan?" in words(app)
    app.toggle(key="as_json").set_value(False).run()
    assert not app.exception


def test_a_new_list_is_saved_with_its_file_and_rows_that_name_nobody_are_told(builder, db):
    app = builder()
    app.segmented_control[0].set_value("Uploaded list").run()
    app.file_uploader[0].set_value(("fair.csv", b"contact_id\n1\n3\n99\n", "text/csv")).run()
    app.text_input(key="segment_name").set_value("Fair").run()
    press(app, "Save")

    assert members(db, "fair") == [1, 3]
    assert "3 rows: 2 added" in "\n".join(each.value for each in app.success)
    assert "1 rows were not taken" in words(app)


def test_a_file_that_cannot_be_read_saves_nothing(builder, db):
    app = builder()
    app.segmented_control[0].set_value("Uploaded list").run()
    app.file_uploader[0].set_value(("fair.csv", b"colour\nred\n", "text/csv")).run()
    app.text_input(key="segment_name").set_value("Fair").run()
    press(app, "Save")

    assert "has no column" in words(app)
    assert db.execute("select count(*) from engage.segments").fetchone() == (0,)


def test_a_segment_shows_its_versions_in_words(open_page, engage_url, db):
    create(db)
    commands.update(
        db, "pros", definition={"version": 1, "where": {**PRO, "operator": "not_equals"}}, actor="bob", now=NOW
    )

    app = open_page(engage_url, "segments", segment="pros")
    assert "plan is not pro" in words(app)
    choose(app, "Version", 1)

    assert "plan is pro" in words(app)
