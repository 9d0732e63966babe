"""Screens of sending: a campaign under way, dead letters, deliverability, suppressions, and the worker's sign of life."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from streamlit.testing.v1 import AppTest

from activation.campaigns import runs
from engage_db.settings import load_settings
from tests.factories import engage as factory
from tests.pages.test_pages import metrics, open_page, words

__all__ = ["open_page"]
pytestmark = pytest.mark.filterwarnings("ignore")
NOW = factory.NOW


@pytest.fixture
def db(engage_url, settings_for):
    settings_for.setenv("ENGAGE_DATABASE_URL", engage_url)
    load_settings.cache_clear()
    with psycopg.connect(engage_url, autocommit=True) as db:
        yield db


@pytest.fixture
def open_screen(open_page, engage_url):
    return lambda name, **parameters: open_page(engage_url, name, **parameters)


@pytest.fixture
def under_way(db):
    """A run of thirty: two sent, two parked in a batch that died, the rest queued."""
    run_id = factory.begin_run(db, factory.add_campaign(db, contacts=30))
    db.execute("update profiles.contact_profiles set full_name = 'Ada Nr ' || contact_id")
    db.execute("update engage.campaign_messages set state = 'sent', sent_at = now() where contact_id in (1, 2)")
    batch_id = db.execute(
        "insert into engage.send_batches (campaign_run_id, batch_number, provider, idempotency_key, state, size, message_ids, "
        "body, attempts, first_attempt_at, next_attempt_at, created_at, problem) "
        "select %s, 1, 'sandbox', 'k', 'dead', 2, array_agg(message_id), '\\x00', 5, now(), now(), now(), '503 Service Unavailable' "
        "from engage.campaign_messages where contact_id in (3, 4) returning batch_id",
        [run_id],
    ).fetchone()[0]
    db.execute(
        "update engage.campaign_messages set state = 'dead', batch_id = %s, provider = 'sandbox' where contact_id in (3, 4)",
        [batch_id],
    )
    return run_id


def button(app, label):
    return next(each for each in app.button if each.label == label)


def press(app, label):
    button(app, label).click().run()
    assert not app.exception, app.exception[0].message


def confirm(app, opener, label, **typed):
    """Opens a dialog, types into it, and presses its button. A dialog lives as long as its opener is pressed."""
    press(app, opener)
    if typed:
        for key, value in typed.items():
            app.text_input(key=key).set_value(value)
        press(app, opener)
    button(app, opener).click()
    press(app, label)


def state_of(db, key="sale"):
    return db.execute("select state from engage.campaigns where key = %s", [key]).fetchone()[0]


def test_a_campaign_shows_each_state_by_number_and_that_they_add_up(open_screen, under_way):
    shown = words(open_screen("campaigns", campaign="sale"))

    assert ":green[:material/check_circle:] 30 targeted = 2 sent + 26 queued + 2 dead" in shown


def test_a_message_that_is_missing_is_told_in_red(open_screen, under_way, db):
    db.execute("delete from engage.campaign_messages where contact_id = 9")

    assert ":red[:material/error:] 30 targeted, but 2 sent + 25 queued + 2 dead" in words(
        open_screen("campaigns", campaign="sale")
    )


def test_a_campaign_is_paused_resumed_and_cancelled_behind_dialogs(open_screen, under_way, db):
    app = open_screen("campaigns", campaign="sale")
    press(app, "Pause …")
    assert state_of(db) == "sending"
    confirm(app, "Pause …", "Pause")
    assert state_of(db) == "paused"

    confirm(open_screen("campaigns", campaign="sale"), "Resume …", "Resume")
    assert state_of(db) == "sending"

    app = open_screen("campaigns", campaign="sale")
    press(app, "Cancel …")
    assert button(app, "Cancel the campaign").disabled
    confirm(app, "Cancel …", "Cancel the campaign", typed_cancel="sale")
    assert state_of(db) == "cancelled"


def test_an_automation_with_a_held_run_is_resumed_on_its_page(open_screen, db):
    campaign = factory.add_campaign(db, cron="0 9 * * *")
    factory.fail_data_test(db, "contacts", now=NOW)
    run_id = runs.plan(db, campaign.campaign_id, campaign.next_run_at, now=campaign.next_run_at)
    runs.snapshot(db, run_id, sender="a@b.dev", provider="sandbox", now=campaign.next_run_at)
    app = open_screen("campaigns", campaign="sale")
    assert "Held: the data test contacts failed" in words(app)

    confirm(app, "Resume …", "Resume")

    assert db.execute("select state, state_reason from engage.campaigns").fetchone() == ("scheduled", None)
    assert "Resume …" not in [each.label for each in open_screen("campaigns", campaign="sale").button]


def test_a_clone_is_a_draft_of_its_own(open_screen, under_way, db):
    confirm(open_screen("campaigns", campaign="sale"), "Clone …", "Clone")

    assert state_of(db, "sale-copy") == "draft"
    assert state_of(db) == "sending"


def test_a_clone_with_a_name_that_is_taken_is_refused_in_words(open_screen, under_way):
    confirm(open_screen("campaigns", campaign="sale"), "Clone …", "Clone")
    app = open_screen("campaigns", campaign="sale")
    confirm(app, "Clone …", "Clone")

    assert any("There is already a campaign sale-copy" in error.value for error in app.error)


def test_messages_are_paged_along_the_outbox_and_filtered_by_state(open_screen, under_way):
    app = open_screen("campaigns", campaign="sale")
    first = table(app, "Address")
    press(app, "Further")
    second = table(app, "Address")
    assert len(first) == 25
    assert len(second) == 5
    assert not set(first["Contact"]) & set(second["Contact"])

    app.selectbox(key="message_state").set_value("dead").run()
    assert table(app, "Address")["Contact"].tolist() == ["/contacts?contact=3#Ada Nr 3", "/contacts?contact=4#Ada Nr 4"]


def test_messages_are_found_by_contact_and_by_the_beginning_of_an_address(open_screen, under_way):
    app = open_screen("campaigns", campaign="sale")
    app.text_input(key="message_text").set_value("7").run()
    assert len(table(app, "Address")) == 1

    app.text_input(key="message_text").set_value("C2").run()
    assert len(table(app, "Address")) == 11  # 2 and 20 to 29
    assert "c2@" not in str(table(app, "Address"))


def test_a_campaign_says_why_somebody_got_it_or_not(open_screen, under_way):
    app = open_screen("campaigns", campaign="sale")
    app.number_input(key="why_contact").set_value(99).run()

    assert "was not in the segment Everybody" in words(app)


def test_dead_letters_show_the_providers_words_and_attempts(open_screen, under_way):
    app = open_screen("dead_letters")
    rows = table(app, "What the provider said")

    assert metrics(app) == {"Unknown": "0", "Dead": "2"}
    assert rows["What the provider said"].tolist() == ["503 Service Unavailable"] * 2
    assert rows["Attempts"].tolist() == [5, 5]


def ask_to_send_again(message_ids):
    from dashboards.components.requeue import confirm_requeue, show_report

    show_report()
    confirm_requeue(message_ids)


@pytest.mark.parametrize(
    ("age", "doubles", "said", "states"),
    [
        ("1 hour", False, "2 go again: 2 under the same key, 0 under a new one.", {"claimed"}),
        ("3 days", False, "2 stay: the provider no longer knows its key", {"dead"}),
        ("3 days", True, "2 go again: 0 under the same key, 2 under a new one.", {"queued"}),
    ],
)
def test_dead_letters_are_sent_again_under_their_key_and_under_a_new_one_only_at_a_persons_word(
    under_way, db, age, doubles, said, states
):
    db.execute("update engage.send_batches set first_attempt_at = now() - %s::interval", [age])
    ids = [row[0] for row in db.execute("select message_id from engage.campaign_messages where contact_id in (3, 4)")]

    app = AppTest.from_function(ask_to_send_again, args=(ids,), default_timeout=30).run()
    app.checkbox(key="accept_doubles").set_value(doubles)
    press(app, "Send again")

    assert any(said in each.value for each in [*app.success, *app.warning])
    assert {
        row[0] for row in db.execute("select state from engage.campaign_messages where contact_id in (3, 4)")
    } == states


def test_without_dead_letters_the_screen_says_so(open_screen, db):
    factory.build(db)

    assert "No dead letters" in words(open_screen("dead_letters"))


def test_a_provider_that_is_not_used_says_why_and_until_when(open_screen, db):
    db.execute(
        "insert into engage.channel_providers (provider, priority, daily_limit, updated_at, updated_by) "
        "values ('resend', 90, 50000, now(), 'ada') on conflict (provider) do update set daily_limit = 50000"
    )
    db.execute(
        "insert into engage.provider_health (provider, state, since, open_until, reason, window_began_at, last_bad_at, last_problem) "
        "values ('resend', 'open', now(), now() + interval '5 minutes', '6 of 10 answers were 503', now(), now(), '503') "
        "on conflict (provider) do update set state = 'open', reason = excluded.reason, open_until = excluded.open_until"
    )
    shown = words(open_screen("deliverability"))

    assert ":red-badge[not used just now]" in shown
    assert "6 of 10 answers were 503" in shown
    assert "engage run" in shown  # nothing was built yet


@pytest.mark.parametrize(("complaints", "said"), [(0, None), (2, "over 0.1%"), (4, "over 0.3%")])
def test_complaints_are_judged_by_the_lines_of_gmail_and_yahoo(open_screen, db, complaints, said):
    db.execute("create schema if not exists marts")
    db.execute(
        "create table marts.deliverability_daily as select current_date as day, 'resend' as provider, 'gmail.com' as recipient_domain, "
        "1010 as sent, 1000 as delivered, 2 as deferred, 6 as bounced_hard, 3 as bounced_soft, 1 as bounced_other, "
        "%s as complained, 3 as unsubscribed, 0.001 as complaint_rate_aim, 0.003 as complaint_rate_limit",
        [complaints],
    )
    app = open_screen("deliverability")

    judged = [each.value for each in [*app.warning, *app.error] if "Complaints are" in each.value]
    assert [said in each for each in judged] == ([True] if said else [])
    assert metrics(app)["Complaints"] == f"{complaints / 10:.2f} %"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("campaign_wizard", "engage run"), ("deliverability", "engage run"), ("suppressions", "engage run"),
        ("templates", "engage template install"), ("dead_letters", "No dead letters"),
    ],
)  # fmt: skip
def test_on_an_empty_database_a_screen_says_what_to_do(open_screen, name, said):
    assert said in words(open_screen(name))


@pytest.mark.parametrize("name", ["campaign_wizard", "deliverability", "suppressions", "templates", "dead_letters"])
def test_without_a_database_a_screen_says_which_setting_to_mend(open_page, name):
    shown = words(open_page("postgresql://nobody:secret@127.0.0.1:9/none", name))

    assert "ENGAGE_DATABASE_URL" in shown
    assert "secret" not in shown


def test_a_worker_that_is_silent_is_told_on_every_screen(open_screen, db):
    factory.build(db)
    assert "start `engage worker` (it has not run yet)" in words(open_screen("dead_letters"))

    db.execute("insert into engage.service_heartbeats values ('worker', 'here', 1, now(), now())")
    assert "start `engage worker`" not in words(open_screen("dead_letters"))

    db.execute("update engage.service_heartbeats set beat_at = %s", [datetime.now(UTC) - timedelta(minutes=7)])
    assert "start `engage worker` (last seen 7 min ago)" in words(open_screen("suppressions"))


@pytest.fixture
def suppressed(db):
    """Thirty addresses that bounced, one lifted; contact 1 among them."""
    factory.build(db)
    factory.add_contact(db, 1, full_name="Ada")
    for number in range(1, 31):
        db.execute(
            "insert into engage.suppressions (contact_id, channel, address, reason, source, evidence, created_at, lifted_at, lifted_by, "
            "lifted_because) values (%s, 'email', %s, 'hard_bounce', 'resend', '{}', now(), %s, %s, %s)",
            [
                1 if number == 1 else 0,
                f"c{number}@mail.test.dev",
                *((NOW, "ada", "a typing error") if number == 30 else (None, None, None)),
            ],
        )


def test_suppressions_say_their_reason_in_words_and_are_found(open_screen, suppressed):
    app = open_screen("suppressions")
    assert "**29** the address does not exist" in words(app)
    assert len(table(app, "Holds")) == 25

    app.text_input[0].set_value("1").run()
    assert table(app, "Holds")["Contact"].tolist() == ["/contacts?contact=1#Ada"]
    app.text_input[0].set_value("C30@").run()
    assert "Nobody fits these filters." in words(app)
    app.toggle[0].set_value(True).run()
    assert table(app, "Holds")["Holds"].tolist() == ["lifted by ada: a typing error"]


def test_an_address_is_added_once_with_the_reason_why(open_screen, suppressed, db):
    for said in ("Added: nothing is sent there any more.", "It was on the list already."):
        app = open_screen("suppressions")
        next(each for each in app.text_input if each.label == "Mail address").set_value("Eve@Mail.Test.Dev")
        next(each for each in app.text_input if each.label == "Why").set_value("asked by telephone")
        press(app, "Add")
        assert any(each.value == said for each in app.success)

    row = db.execute("select reason, evidence from engage.suppressions where address = 'eve@mail.test.dev'").fetchall()
    assert [(reason, evidence["because"]) for reason, evidence in row] == [("manual", "asked by telephone")]


def test_what_is_no_address_is_refused_in_words(open_screen, suppressed):
    app = open_screen("suppressions")
    next(each for each in app.text_input if each.label == "Mail address").set_value("nobody")
    press(app, "Add")

    assert any("no mail address" in each.value for each in app.error)


def test_a_file_of_addresses_is_imported_and_what_was_not_taken_is_listed(open_screen, suppressed, db):
    app = open_screen("suppressions")
    rows = b"email,reason\nEve@Mail.Test.Dev,complaint\nc2@mail.test.dev,\nnobody,manual\n"
    app.file_uploader[0].upload("from the old tool.csv", rows, "text/csv").run()
    press(app, "Import")

    assert [each.value for each in app.success] == ["3 rows: 2 added, 0 were on the list, 1 not taken."]
    assert table(app, "Why not")["Line"].tolist() == [4]
    found = db.execute(
        "select reason, source from engage.suppressions where address in ('eve@mail.test.dev', 'c2@mail.test.dev') "
        "and source like 'file%' order by reason"
    ).fetchall()
    assert found == [("complaint", "file from the old tool.csv"), ("manual", "file from the old tool.csv")]


def test_a_suppression_that_is_ticked_is_lifted_with_the_reason_why(open_screen, suppressed, db):
    app = open_screen("suppressions")
    app.text_input[0].set_value("c7@").run()
    app.session_state["suppression_rows"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    app.run()
    confirm(app, "Lift …", "Lift", lift_because="a typing error, says Ada")

    assert any(each.value == "Lifted: it is kept on the list as history." for each in app.success)
    row = db.execute(
        "select lifted_at is not null, lifted_because, lifted_by from engage.suppressions where address = 'c7@mail.test.dev'"
    ).fetchone()
    assert row == (True, "a typing error, says Ada", "screens")


def test_the_cap_is_set_for_everything_claimed_from_now_on(open_screen, suppressed, db):
    app = open_screen("suppressions")
    next(each for each in app.number_input if each.label.startswith("Marketing messages")).set_value(2)
    press(app, "Save")

    assert db.execute("select most, window_hours, updated_by from engage.frequency_caps").fetchone() == (
        2,
        168,
        "screens",
    )


@pytest.fixture
def template(db):
    """Two versions of a template, and a contact to look at it as."""
    factory.build(db)
    factory.add_contact(db, 1, full_name="Ada Rossi", first_name="Ada")
    factory.add_template(db, subject="Old news for {{ first_name | default('you', true) }}")
    factory.add_template(db)


def test_a_template_is_seen_as_a_contact_gets_it(open_screen, template):
    assert "**News for Ada**" in words(open_screen("templates", template="news"))


def test_an_older_version_shows_what_changed_and_becomes_the_newest_again(open_screen, template, db):
    app = open_screen("templates", template="news")
    app.selectbox(key="template_version_news").set_value(1).run()
    assert "+News for" in app.code[0].value
    confirm(app, "Go back to version 1 …", "Go back")

    newest = "select version, subject from engage.template_versions order by version desc limit 1"
    assert db.execute(newest).fetchone() == (3, "Old news for {{ first_name | default('you', true) }}")


def test_a_test_mail_is_sent_with_example_values(open_screen, template):
    app = open_screen("templates", template="news")
    next(each for each in app.text_input if each.label == "Send a test to").set_value("me@mail.test.dev")
    press(app, "Send test")

    assert [each.value for each in app.success] == ["sandbox took it."]


def table(app, column):
    """The first table with a column of that name."""
    return next(each.value for each in app.dataframe if column in each.value)
