"""The wizard: five steps, what was filled in stays, and nothing leaves before the typed number of recipients."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import psycopg
import pytest

from activation.campaigns import commands
from engage_db.settings import load_settings
from tests.factories import engage as factory
from tests.pages.test_pages import metrics, open_page, words
from tests.pages.test_sending_screens import button, confirm, press

__all__ = ["open_page"]
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def db(engage_url, settings_for):
    """Twelve contacts in a segment, three of them without consent; two of the others in a segment to exclude."""
    settings_for.setenv("ENGAGE_DATABASE_URL", engage_url)
    load_settings.cache_clear()
    with psycopg.connect(engage_url, autocommit=True) as db:
        factory.build(db)
        for number in range(1, 13):
            factory.add_contact(
                db, number, consent="unknown" if number > 9 else "subscribed", full_name=f"Name {number}"
            )
        factory.add_segment(db, "everybody", list(range(1, 13)))
        factory.add_segment(db, "staff", [1, 2])
        factory.add_template(db)
        yield db


@pytest.fixture
def wizard(open_page, engage_url, db):
    return lambda **parameters: open_page(engage_url, "campaign_wizard", **parameters)


def choose(app, label, value):
    next(each for each in app.selectbox if each.label == label).set_value(value).run()
    assert not app.exception, app.exception[0].message


def to_rules(app):
    """Through the first two steps."""
    app.text_input(key="wizard_name").set_value("Spring").run()
    choose(app, "Segment", "everybody")
    press(app, "Next")
    choose(app, "Template", "news")
    press(app, "Next")


def campaign(db, key="spring"):
    with db.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        return cursor.execute("select * from engage.campaigns where key = %s", [key]).fetchone()


def test_a_step_asks_for_what_is_missing_before_the_next(wizard):
    app = wizard()
    assert button(app, "Next").disabled
    assert "A name and a segment are needed." in words(app)

    app.text_input(key="wizard_name").set_value("Spring").run()
    choose(app, "Segment", "everybody")
    assert not button(app, "Next").disabled
    assert metrics(app) == {"In the segment": "12", "Reachable by mail": "9"}


def test_what_was_filled_in_is_there_on_the_way_back(wizard):
    app = wizard()
    to_rules(app)
    app.toggle(key="wizard_throttled").set_value(True).run()
    app.number_input(key="wizard_per_minute").set_value(3).run()
    assert "12 people: takes about 4 min." in words(app)
    press(app, "Back")
    press(app, "Back")
    assert app.text_input(key="wizard_name").value == "Spring"
    press(app, "Next")
    press(app, "Next")

    assert app.number_input(key="wizard_per_minute").value == 3


def test_rules_that_cannot_be_are_told_in_words_at_once(wizard):
    app = wizard()
    to_rules(app)
    app.toggle(key="wizard_quiet").set_value(True).run()
    app.time_input(key="wizard_quiet_from").set_value(time(8)).run()

    assert "Quiet hours begin and end at the same minute" in words(app)
    assert button(app, "Next").disabled


def test_the_review_shows_the_dry_run_and_launches_at_the_typed_number_of_recipients(wizard, db):
    app = wizard()
    app.multiselect(key="wizard_excluded").set_value(["staff"]).run()
    to_rules(app)
    app.toggle(key="wizard_throttled").set_value(True).run()
    app.number_input(key="wizard_per_minute").set_value(7).run()
    press(app, "Next")
    press(app, "Next")
    assert metrics(app) == {"In the audience": "12", "Get it": "7", "Left out": "5", "Takes": "1 min"}
    assert "- **3** · no opt-in for mail" in words(app)
    assert "- **2** · in an excluded segment" in words(app)
    assert campaign(db)["state"] == "draft"

    press(app, "Launch …")
    assert button(app, "Launch").disabled
    confirm(app, "Launch …", "Launch", wizard_typed="7")

    made = campaign(db)
    assert (made["state"], made["kind"], made["messages_per_minute"]) == ("scheduled", "broadcast", 7)
    assert db.execute("select count(*) from engage.campaign_messages").fetchone()[0] == 0


def test_an_automation_is_built_with_the_form_and_kept_as_a_draft(wizard, db):
    app = wizard()
    to_rules(app)
    press(app, "Next")
    next(iter(app.segmented_control)).set_value("recurring").run()
    choose(app, "Repeats", "month")
    app.selectbox(key="wizard_cron_day").set_value(0).run()
    app.time_input(key="wizard_cron_at").set_value(time(18, 30)).run()
    assert app.text_input(key="wizard_cron_text").value == "30 18 L * *"

    app.text_input(key="wizard_cron_text").set_value("15 7 * * 2,4").run()
    assert app.selectbox(key="wizard_cron_pace").value == "week"
    assert app.time_input(key="wizard_cron_at").value == time(7, 15)
    assert "Next runs, in that zone" in words(app)
    press(app, "Next")
    press(app, "Launch …")
    assert "It comes again: At 07:15 AM, only on Tuesday and Thursday" in words(app)
    press(app, "Keep as a draft")

    made = campaign(db)
    assert (made["state"], made["kind"], made["cron"]) == ("draft", "recurring", "15 7 * * 2,4")


def test_an_expression_that_is_none_stops_the_step(wizard):
    app = wizard()
    to_rules(app)
    press(app, "Next")
    next(iter(app.segmented_control)).set_value("recurring").run()
    app.text_input(key="wizard_cron_text").set_value("every monday").run()

    assert any("is no cron expression" in error.value for error in app.error)
    assert button(app, "Next").disabled


def test_a_draft_is_opened_again_changed_and_launched_at_once(wizard, db):
    app = wizard()
    to_rules(app)
    press(app, "Next")
    press(app, "Next")
    press(app, "Keep as a draft")

    app = wizard(campaign="spring")
    assert app.text_input(key="wizard_name").value == "Spring"
    app.number_input(key="wizard_holdout").set_value(100.0).run()
    for _ in range(4):
        press(app, "Next")

    assert metrics(app)["Get it"] == "0"
    assert button(app, "Launch …").disabled
    assert campaign(db)["holdout_percent"] == 100


def launched(db, **how):
    """The campaign `spring` to everybody, launched for tomorrow or as an automation."""
    now = datetime.now(UTC)
    commands.create(
        db, name="Spring", segment="everybody", template="news", time_zone="UTC", actor="ada", now=now,
        **(how or {"at": now + timedelta(days=1)}),
    )  # fmt: skip
    commands.launch(db, "spring", now=now)
    return campaign(db)


def at_once_in_the_review(app):
    """From the first step to the last, without a time."""
    for _ in range(3):
        press(app, "Next")
    app.radio(key="wizard_when").set_value("At once, when it is launched").run()
    press(app, "Next")


def test_a_launched_broadcast_is_changed_only_at_the_typed_number_of_recipients(wizard, db):
    before = launched(db)
    app = wizard(campaign="spring")
    app.multiselect(key="wizard_excluded").set_value(["staff"]).run()
    at_once_in_the_review(app)
    assert metrics(app)["Get it"] == "7"
    press(app, "Check again")
    press(app, "Save changes …")
    assert "**Spring** goes to **7** people at once." in words(app)
    assert button(app, "Save changes").disabled
    assert campaign(db) == before

    confirm(app, "Save changes …", "Save changes", wizard_typed="7")

    after = campaign(db)
    assert (after["state"], after["next_run_at"] < datetime.now(UTC)) == ("scheduled", True)
    assert after["excluded_segment_ids"] != before["excluded_segment_ids"]


def test_changes_of_a_launched_broadcast_can_be_discarded(wizard, db):
    before = launched(db)
    app = wizard(campaign="spring")
    at_once_in_the_review(app)

    press(app, "Discard changes")

    assert campaign(db) == before


def test_a_launched_automation_is_changed_at_the_click(wizard, db):
    before = launched(db, cron="0 9 * * 1")
    app = wizard(campaign="spring")
    app.text_input(key="wizard_name").set_value("Summer").run()
    for _ in range(4):
        press(app, "Next")
    assert campaign(db) == before

    press(app, "Save changes")

    assert (campaign(db)["name"], campaign(db)["state"]) == ("Summer", "scheduled")


def test_a_draft_that_was_launched_from_elsewhere_meanwhile_is_not_changed_unasked(wizard, db):
    app = wizard()
    to_rules(app)
    press(app, "Next")
    press(app, "Next")
    commands.launch(db, "spring", now=datetime.now(UTC))
    before = campaign(db)
    press(app, "Back")
    press(app, "Back")
    app.slider(key="wizard_priority").set_value(90).run()
    press(app, "Next")
    press(app, "Next")

    assert campaign(db) == before
    assert button(app, "Save changes …")


def leave_and_begin_a_new_one(app):
    """As the link "New campaign" does: to the wizard from another page, without a key."""
    app.query_params.clear()
    app.switch_page("views/campaigns.py").run()
    app.switch_page("views/campaign_wizard.py").run()
    assert not app.exception, app.exception[0].message


def test_a_new_campaign_is_not_written_over_a_draft_that_was_saved_before(wizard, db):
    app = wizard()
    to_rules(app)
    press(app, "Next")
    press(app, "Next")
    press(app, "Back")
    assert "Schedule" in words(app)
    press(app, "Next")
    spring = campaign(db)

    leave_and_begin_a_new_one(app)
    assert app.text_input(key="wizard_name").value == ""
    app.text_input(key="wizard_name").set_value("Summer").run()
    choose(app, "Segment", "staff")
    press(app, "Next")
    choose(app, "Template", "news")
    for _ in range(3):
        press(app, "Next")

    assert campaign(db) == spring
    assert campaign(db, "summer")["name"] == "Summer"


def test_what_was_typed_and_never_saved_is_there_after_another_page(wizard):
    app = wizard()
    app.text_input(key="wizard_name").set_value("Spring").run()

    leave_and_begin_a_new_one(app)

    assert app.text_input(key="wizard_name").value == "Spring"


def test_a_campaign_that_is_not_there_says_so(wizard):
    assert "There is no campaign nothing to change" in words(wizard(campaign="nothing"))
