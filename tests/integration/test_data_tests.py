"""The data tests: good rows pass, each kind of bad row is told in words, and nobody's address is."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import psycopg
import pytest

from activation import guard
from data_tests.run import SUITES, run_suite, run_suites
from engage_db.connection import DatabaseUnreachable
from tests.factories.engage import NOW

# plain tables, so that rows can be bad in every way
TABLES = """
create schema core;
create table core.contacts (
    contact_id bigint, crm_customer_id bigint, first_name text, last_name text, email text, email_status text,
    email_consent text, created_at timestamptz, updated_at timestamptz
);
create table core.events (
    event_id uuid, contact_id bigint, event_name text, occurred_at timestamptz, source text, source_key text,
    value numeric, currency text, properties jsonb, recorded_at timestamptz
);
create index on core.events (source, recorded_at);
"""
GOOD_ROWS = """
insert into core.contacts (contact_id, email, email_consent, created_at, updated_at) values
    (1, 'ada@mail.test.dev', 'subscribed', now() - interval '1 year', now() - interval '1 month'),
    (2, 'bob@mail.test.dev', 'unsubscribed', now() - interval '1 year', now() - interval '1 month'),
    (3, null, 'subscribed', now() - interval '1 hour', now() - interval '1 month'),
    (4, 'dan@mail.test.dev', 'subscribed', now() - interval '1 year', now() - interval '1 month');

insert into core.events (event_id, contact_id, event_name, occurred_at, source, recorded_at)
select gen_random_uuid(), contact_id, 'order_created', now() - interval '3 hours', 'crm.orders', now() - interval '1 hour'
from core.contacts, generate_series(1, 3);

insert into engage.segments (key, kind, title, description, definition, size, created_at)
values ('readers', 'dbt', 'Readers', '', '{}', 3, now()), ('nobody', 'dbt', 'Nobody', '', '{}', 0, now());
insert into engage.segment_members select segment_id, id, now() from engage.segments, unnest('{1,2,4}'::bigint[]) id
where key = 'readers';
insert into engage.segment_past_stays select segment_id, 3, now() - interval '1 day', now() from engage.segments;
insert into engage.segment_past_stays
select segment_id, 1, now() - interval '2 days', now() - interval '1 day' from engage.segments;

insert into engage.message_templates (key, name, created_at, created_by) values ('news', 'News', now(), 'test');
insert into engage.template_versions
    (template_id, version, subject, body_mjml, body_html, body_text, tokens, content_sha256, created_at, created_by)
select template_id, 1, '', '', '', '', '{}', '', now(), 'test' from engage.message_templates;
insert into engage.campaigns (key, name, kind, state, segment_id, template_id, time_zone, created_at, created_by, updated_at)
select 'sale', 'Sale', 'broadcast', 'preparing', segment_id, template_id, 'UTC', now(), 'test', now()
from engage.segments, engage.message_templates where segments.key = 'readers';
insert into engage.campaign_runs (campaign_id, scheduled_for, state, created_at, snapshot_at, targeted)
select campaign_id, now(), 'preparing', now(), now(), 3 from engage.campaigns;
insert into engage.campaign_messages
    (campaign_run_id, campaign_id, contact_id, channel, address, state, reason, template_version_id, tokens, consent,
     next_attempt_at, created_at, state_changed_at)
select campaign_run_id, campaign_id, contact_id, 'email', email,
    case email_consent when 'subscribed' then 'queued' else 'skipped' end,
    case when email_consent <> 'subscribed' then 'no_consent' end, version.template_version_id,
    case email_consent when 'subscribed' then '{}'::json end,
    case email_consent when 'subscribed' then 'crm opt-in: subscribed' end, now(), now(), now()
from engage.campaign_runs, engage.template_versions version, core.contacts where email is not null;
"""
SIXTY_CONTACTS = """
insert into core.contacts select i, i, '', '', i || '@mail.test.dev', 'valid', 'unknown', now(), now()
from generate_series(1, 60) i;
"""
SYNCED = """
insert into engage.sync_checkpoints (table_name, synced_at, rows_total) values ('customers', now(), {rows});
insert into engage.sync_runs (table_name, kind, status, started_at, rows_deleted)
values ('customers', 'reconcile', 'succeeded', now() - interval '{ago}', {deleted});
"""
SUPPRESS = """
insert into engage.suppressions (contact_id, channel, address, reason, source, evidence, created_at)
values ({contact}, '{channel}', '{address}', 'complaint', 'test', '{{}}', now() - interval '{ago}');
"""
ABOUT_A_TOPIC = """
insert into engage.topics (key, name, created_at, created_by) values ('offers', 'Offers', now(), 'test') on conflict do nothing;
insert into engage.suppressions (contact_id, channel, address, reason, topic_id, source, evidence, created_at)
select 1, 'email', 'ada@mail.test.dev', 'unsubscribed_topic', topic_id, 'test', '{}', now() - interval '1 day' from engage.topics;
"""
OPTED_IN_HERE = """
update core.contacts set email_consent = 'unsubscribed' where contact_id = 1;
insert into engage.consent_records (contact_id, channel, status, occurred_at, recorded_at, source, proof, recorded_by)
values (1, 'email', 'subscribed', now(), now(), 'preference_centre', '{}', 'test');
"""
STRANGERS = """
insert into engage.segment_members select segment_id, 1000 + i, now() from engage.segments, generate_series(1, {number}) i
where key = 'readers';
update engage.segments set size = {size} where key = 'readers';
"""
RUN_GOES_ON = "update engage.campaign_runs set state = 'sending';"


TABLES_OF_ENGAGE = "truncate engage.segments, engage.segment_members, engage.segment_past_stays, engage.message_templates, engage.campaign_messages, engage.suppressions, engage.sync_checkpoints, engage.sync_runs, engage.data_test_results, engage.topics, engage.consent_records restart identity cascade"


@pytest.fixture(scope="module")
def url(cluster):
    """One database for all: a new one per test would cost more than the tests."""
    with cluster.migrated_database() as url:
        yield url


@pytest.fixture
def db(url):
    """A connection to a database of good rows."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("drop schema if exists core cascade")
        db.execute(TABLES_OF_ENGAGE)
        db.execute(TABLES)
        db.execute(GOOD_ROWS)
        yield db


@pytest.fixture
def ask(url, db):
    """The result of a suite after some damage."""

    def run(suite, damage=""):
        db.execute(damage)
        return run_suite(url, suite)

    return run


def said(result):
    return {failure.words: failure.severity for failure in result.failures}


def test_good_rows_pass_every_suite(url, db):
    results = run_suites(url, list(SUITES))

    assert [(result.suite, result.passed, result.problem, result.failures) for result in results] == [
        (name, True, None, []) for name in ("contacts", "events", "segment_members", "campaign_messages")
    ]
    assert all(result.expectations >= 4 for result in results)


@pytest.mark.parametrize(
    ("damage", "words", "severity"),
    [
        ("delete from core.contacts", "there are no contacts", "critical"),
        ("update core.contacts set contact_id = null where contact_id = 3", "contacts without an id: 1", "critical"),
        (
            "insert into core.contacts select * from core.contacts where contact_id < 3",
            "contacts that are listed twice: 2",
            "critical",
        ),
        (
            """
            insert into core.contacts (contact_id, email, email_consent) values (1, 'a2@mail.test.dev', 'unknown');
            create unique index on core.contacts (contact_id) where contact_id > 2;
            create unique index on core.contacts (contact_id, email);
            create unique index on core.contacts (lower(email));
            """,
            "contacts that are listed twice: 1",
            "critical",
        ),
        (
            "update core.contacts set email_consent = null where contact_id = 1",
            "contacts whose mail consent is empty: 1 (25 %)",
            "critical",
        ),
        (
            "update core.contacts set email_consent = 'yes' where contact_id = 1",
            "contacts whose mail consent is none of subscribed, unsubscribed, unknown: 1 (25 %)",
            "critical",
        ),
        (
            "update core.contacts set email = 'ada at mail' where contact_id = 1",
            "contacts with a mail address that cannot be written to: 1 (25 %)",
            "critical",
        ),
        (
            "update core.contacts set email = null where contact_id > 1",
            "only 25.0% of the contacts have a mail address that can be written to",
            "critical",
        ),
        (
            SYNCED.format(rows=9, deleted=0, ago="1 hour"),
            "only 4 contacts are left of the customers whom the CRM had a day ago: less than half",
            "critical",
        ),
        (
            SYNCED.format(rows=4, deleted=5, ago="1 hour"),
            "only 4 contacts are left of the customers whom the CRM had a day ago: less than half",
            "critical",
        ),
        (
            "delete from core.contacts;" + SIXTY_CONTACTS,
            "the mail consent of every contact is unknown: the CRM's opt-in column is not what it was",
            "critical",
        ),
        (
            "update core.contacts set created_at = now() + interval '1 month' where contact_id = 1",
            "contacts created in the future: 1",
            "warning",
        ),
    ],
)
def test_bad_contacts_are_told(ask, damage, words, severity):
    result = ask("contacts", damage)

    assert said(result)[words] == severity
    assert result.passed == (severity != "critical")
    assert result.passed or words in result.problem


@pytest.mark.parametrize(
    "damage",
    [
        "create unique index on core.contacts (contact_id)",
        "create index on core.contacts (contact_id)",
        SYNCED.format(rows=8, deleted=0, ago="1 hour"),
        SYNCED.format(rows=4, deleted=50, ago="2 days"),
        "update core.contacts set email_consent = 'subscribed'",
        "update core.contacts set created_at = now() + interval '5 hours' where contact_id = 1",
    ],
)
def test_unusual_contacts_are_no_fault(ask, damage):
    assert ask("contacts", damage).failures == []


@pytest.mark.parametrize(
    ("damage", "words", "severity"),
    [
        ("delete from core.events", "there are no events at all, so nobody would seem to have ordered", "critical"),
        (
            "update core.events set recorded_at = now() - interval '3 days'",
            "nothing has been heard of for two days",
            "warning",
        ),
        (
            "update core.events set event_id = null where contact_id = 1",
            "events without an id, a person, a name or a time: 3",
            "critical",
        ),
        (
            "update core.events set contact_id = null where contact_id = 1",
            "events without an id, a person, a name or a time: 3",
            "critical",
        ),
        (
            "update core.events set event_name = null where contact_id = 1",
            "events without an id, a person, a name or a time: 3",
            "critical",
        ),
        (
            "update core.events set occurred_at = null where contact_id = 1",
            "events without an id, a person, a name or a time: 3",
            "critical",
        ),
        (
            "insert into core.events select * from core.events where contact_id = 1",
            "events that are listed twice: 3",
            "critical",
        ),
        (
            """
            insert into core.events
            select gen_random_uuid(), 1000 + i, 'order_paid', now(), 'crm.orders', '', 0, '', '{}', now()
            from generate_series(1, 48) i
            """,
            "most of the newest events are of people who are no contacts: 48 of 60",
            "critical",
        ),
        (
            "update core.events set contact_id = 77 where contact_id = 1",
            "new events of people who are no contacts: 3",
            "info",
        ),
        (
            "update core.events set occurred_at = now() + interval '2 days' where contact_id = 1",
            "new events more than a day in the future: 3",
            "warning",
        ),
        (
            "update core.events set event_name = 'parcel_sniffed' where contact_id = 1",
            "new events of a kind that nobody knows: parcel_sniffed",
            "warning",
        ),
    ],
)
def test_bad_events_are_told(ask, damage, words, severity):
    result = ask("events", damage)

    assert said(result)[words] == severity
    assert result.passed == (severity != "critical")


def test_old_events_were_looked_at_when_they_came(ask):
    result = ask(
        "events",
        "insert into core.events (event_id, recorded_at) select null, now() - interval '3 days' from generate_series(1, 9)",
    )

    assert result.failures == []


@pytest.mark.parametrize(
    ("damage", "words", "severity"),
    [
        (
            STRANGERS.format(number=21, size=24),
            "segments of which more than 20 members, and more than 1 in 20, are no contacts: readers",
            "critical",
        ),
        (
            STRANGERS.format(number=20, size=23),
            "members of segments who are no contacts: 20; they are left out when an audience is taken",
            "warning",
        ),
        (
            STRANGERS.format(number=21, size=24) + "update engage.segments set problem = 'its SQL failed'",
            "members of segments who are no contacts: 21; they are left out when an audience is taken",
            "warning",
        ),
        (
            "delete from engage.segment_members where contact_id = 1",
            "segments whose size is not the number of their members: readers",
            "critical",
        ),
        (
            "update engage.segments set size = 1 where key = 'nobody'",
            "segments whose size is not the number of their members: nobody",
            "critical",
        ),
        (
            "update engage.segment_past_stays set exited_at = now() + interval '1 hour' where contact_id = 1",
            "members whose stay began before their last one was over: 1",
            "warning",
        ),
    ],
)
def test_bad_members_are_told(ask, damage, words, severity):
    result = ask("segment_members", damage)

    assert said(result)[words] == severity
    assert result.passed == (severity != "critical")


@pytest.mark.parametrize(
    ("suite", "constraint", "damage", "words"),
    [
        (
            "segment_members",
            "segment_members_pkey",
            "insert into engage.segment_members select * from engage.segment_members where contact_id = 1",
            "members that are listed twice in a segment: 1",
        ),
        (
            "campaign_messages",
            "campaign_messages_campaign_run_id_contact_id_step_key",
            "update engage.campaign_messages set contact_id = 1, address = 'a2@mail.test.dev' where contact_id = 4",
            "people who are listed twice for one step of a run: 1",
        ),
    ],
)
def test_a_lost_constraint_is_told(engage_url, engage_db, suite, constraint, damage, words):
    engage_db.execute(TABLES)
    engage_db.execute(GOOD_ROWS)
    engage_db.execute(f"alter table engage.{suite} drop constraint {constraint}")
    engage_db.execute(damage)
    engage_db.commit()

    assert said(run_suite(engage_url, suite))[words] == "critical"


def test_members_of_a_segment_that_is_gone_matter_no_more(ask):
    result = ask(
        "segment_members",
        "update engage.segments set is_active = false; delete from core.contacts where contact_id = 1",
    )

    assert result.failures == []


@pytest.mark.parametrize(
    ("damage", "words", "severity"),
    [
        (
            "update engage.campaign_messages set address = null where contact_id = 1",
            "messages waiting without an address that can be written to: 1",
            "critical",
        ),
        (
            "update engage.campaign_messages set address = 'ada at mail', state = 'claimed' where contact_id = 1",
            "messages waiting without an address that can be written to: 1",
            "critical",
        ),
        (
            "update engage.campaign_messages set tokens = null where contact_id = 1",
            "messages waiting without the values of their template: 1",
            "critical",
        ),
        (
            "update engage.campaign_messages set consent = null where contact_id = 1",
            "messages waiting without the consent that allows them: 1",
            "critical",
        ),
        (
            "update engage.campaign_messages set state = 'queued', tokens = '{}', consent = 'crm opt-in: unsubscribed'",
            "messages waiting for people who had not agreed to mail: 1",
            "critical",
        ),
        (
            SUPPRESS.format(contact=1, channel="email", address="other@mail.test.dev", ago="1 day"),
            "messages waiting for people or addresses that must not be written to: 1",
            "critical",
        ),
        (
            SUPPRESS.format(contact=99, channel="email", address="ada@mail.test.dev", ago="1 day"),
            "messages waiting for people or addresses that must not be written to: 1",
            "critical",
        ),
        (
            SUPPRESS.format(contact=1, channel="email", address="ada@mail.test.dev", ago="1 day"),
            "messages waiting for people or addresses that must not be written to: 1",
            "critical",
        ),
        (
            "update engage.campaign_runs set targeted = 4",
            "runs whose messages are not as many as were targeted: 1",
            "critical",
        ),
        (
            "update engage.campaign_messages set reason = null where state = 'skipped'",
            "messages left out without a reason: 1",
            "critical",
        ),
        (
            "update engage.campaign_messages set reason = 'bad mood' where state = 'skipped'",
            "messages left out for a reason that nobody knows: 1",
            "warning",
        ),
        (
            ABOUT_A_TOPIC + "update engage.campaign_runs set topic_id = (select topic_id from engage.topics)",
            "messages waiting for people or addresses that must not be written to: 1",
            "critical",
        ),
        (
            "update engage.campaign_messages set address = 'ada@mail.test.dev' where contact_id = 4",
            "addresses that would get one run's message twice: 1",
            "critical",
        ),
        (
            "update engage.campaign_messages set address = 'ada@mail.test.dev', state = 'sent' where contact_id = 4;"
            + RUN_GOES_ON,
            "addresses that would get one run's message twice: 1",
            "critical",
        ),
        (
            "update core.contacts set email_consent = 'unsubscribed', updated_at = now() where contact_id = 1",
            "messages waiting for people who no longer want mail or are gone: 1; they will be left out",
            "info",
        ),
        (
            "delete from core.contacts where contact_id = 1",
            "messages waiting for people who no longer want mail or are gone: 1; they will be left out",
            "info",
        ),
        (
            SUPPRESS.format(contact=1, channel="email", address="ada@mail.test.dev", ago="1 minute"),
            "messages waiting for people who no longer want mail or are gone: 1; they will be left out",
            "info",
        ),
        (
            SUPPRESS.format(contact=1, channel="email", address="ada@mail.test.dev", ago="1 day") + RUN_GOES_ON,
            "messages waiting for people who no longer want mail or are gone: 1; they will be left out",
            "info",
        ),
    ],
)
def test_bad_messages_are_told(ask, damage, words, severity):
    result = ask("campaign_messages", damage)

    assert said(result)[words] == severity
    assert result.passed == (severity != "critical")


@pytest.mark.parametrize(
    "damage",
    [
        "update engage.campaign_runs set state = 'finished'; update engage.campaign_messages set tokens = null",
        "update engage.campaign_runs set state = 'stopped_by_guard'; update engage.campaign_messages set tokens = null",
        """
        update engage.campaign_runs set message_class = 'transactional';
        update engage.campaign_messages set consent = null;
        update core.contacts set email_consent = 'unknown';
        """,
        SUPPRESS.format(contact=1, channel="sms", address="ada@mail.test.dev", ago="1 day"),
        SUPPRESS.format(contact=1, channel="email", address="ada@mail.test.dev", ago="1 day")
        + "update engage.suppressions set lifted_at = now()",
        SUPPRESS.format(contact=1, channel="email", address="ada@mail.test.dev", ago="1 day")
        + "update engage.suppressions set expires_at = now() - interval '1 minute'",
        ABOUT_A_TOPIC,
        SUPPRESS.format(contact=1, channel="email", address="ada@mail.test.dev", ago="1 day")
        + "update engage.suppressions set reason = 'unsubscribed_all';"
        + "update engage.campaign_runs set message_class = 'transactional'",
        OPTED_IN_HERE,
        "update engage.campaign_messages set state = 'skipped', reason = 'holdout' where contact_id = 4",
        "update engage.campaign_messages set address = 'ada@mail.test.dev', state = 'skipped', reason = 'holdout' where contact_id = 4",
    ],
)
def test_what_is_not_waiting_or_is_allowed_is_no_fault(ask, damage):
    assert ask("campaign_messages", damage).failures == []


@pytest.mark.parametrize(
    ("suite", "damage", "words"),
    [
        ("contacts", "drop table core.contacts", 'check could not run: relation "core.contacts" does not exist'),
        (
            "contacts",
            "alter table core.contacts drop column email_consent",
            'check could not run: The column "email_consent" in BatchData does not exist.',
        ),
        ("events", "drop table core.events", 'check could not run: relation "core.events" does not exist'),
        (
            "events",
            "alter table core.events drop column recorded_at",
            'check could not run: column "recorded_at" does not exist',
        ),
        ("segment_members", "drop table core.contacts", 'check could not run: relation "core.contacts" does not exist'),
        (
            "campaign_messages",
            "drop table core.contacts",
            'check could not run: relation "core.contacts" does not exist',
        ),
    ],
)
def test_a_check_that_cannot_run_has_not_passed(ask, suite, damage, words):
    result = ask(suite, damage)

    assert not result.passed
    assert said(result)[words] == "critical"
    assert result.problem.count(words) == 1


def test_a_failure_says_where_to_look_and_tells_no_address(ask):
    result = ask(
        "contacts",
        "insert into core.contacts select 100 + i, null, '', '', 'secret' || i || '@', '', 'unknown', now(), now() "
        "from generate_series(1, 1200) i",
    )

    (failure,) = [
        failure for failure in result.failures if failure.expectation == "expect_column_values_to_match_regex"
    ]
    assert failure.words == "contacts with a mail address that cannot be written to: 1,200 (99.7 %)"
    assert failure.unexpected_count == 1200
    assert failure.unexpected_percent == pytest.approx(99.67, abs=0.01)
    assert failure.sample == [101, 102, 103, 104, 105]
    assert "core.contacts" in failure.query
    assert "secret" not in json.dumps(result.failures_as_json())


def test_a_rule_names_five_rows_and_its_query_finds_the_rest(ask, db):
    result = ask("contacts", "delete from core.contacts;" + SIXTY_CONTACTS * 2)

    (failure,) = [failure for failure in result.failures if failure.words == "contacts that are listed twice: 60"]
    assert len(failure.sample) == 5
    assert len(db.execute(failure.query).fetchall()) == 60
    json.dumps(result.failures_as_json())


def test_what_a_suite_said_blocks_an_audience_in_words(db, ask):
    result = ask("contacts", "delete from core.contacts where contact_id > 0")

    guard.record(
        db,
        suite=result.suite,
        passed=result.passed,
        problem=result.problem,
        expectations=result.expectations,
        failures=result.failures_as_json(),
        now=NOW,
    )

    assert guard.blocked_by(db, ["contacts"]).startswith("the data test contacts failed: there are no contacts")


def test_nothing_is_told_to_anybody_and_the_password_to_nobody():
    with pytest.raises(DatabaseUnreachable) as refused:
        run_suites("postgresql://engage:s3cret@127.0.0.1:1/engage", ["contacts"])

    assert "s3cret" not in str(refused.value)
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"


def test_the_registry_is_read_without_the_library():
    code = (
        "import sys; from data_tests.run import SUITES; print(*SUITES); sys.exit('great_expectations' in sys.modules)"
    )

    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert listed.stdout.split() == ["contacts", "events", "segment_members", "campaign_messages"]
    assert {suite.asset_key for suite in SUITES.values()} == {
        ("core", "contacts"),
        ("core", "events"),
        ("engage", "segment_members"),
        ("engage", "campaign_messages"),
    }
