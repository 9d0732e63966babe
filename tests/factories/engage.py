"""An Engage DB as a build leaves it: contacts, profiles, a segment, a template, tests that passed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg

from activation import guard
from activation.campaigns import commands, runs
from activation.campaigns.commands import Campaign
from activation.templates import versions

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

PUBLIC_TABLES = """
create schema if not exists core; create schema if not exists profiles; create schema if not exists segments;
create schema if not exists live;
create table core.contacts (contact_id bigint primary key, email text, email_status text, email_consent text, created_at timestamptz);
create table profiles.contact_profiles (
    contact_id bigint primary key, first_name text, last_name text, full_name text, email text, email_status text,
    email_consent text, city text, country text, company text, plan text, locale text, time_zone text, date_of_birth date,
    orders_count bigint default 0, lifetime_value numeric default 0, average_order_value numeric, currency text,
    last_order_at timestamptz, last_product_name text, last_call_at timestamptz, created_at timestamptz, tags text[]
);
create table core.events (
    event_id uuid primary key default gen_random_uuid(), contact_id bigint, event_name text, occurred_at timestamptz, source text,
    source_key text, value numeric, currency text, properties jsonb, recorded_at timestamptz default now()
);
create table core.contact_history (
    contact_id bigint, plan text, city text, email_consent text, valid_from timestamptz, valid_to timestamptz, recorded_at timestamptz
);
create view live.live_events as select * from core.events;
create view live.live_contact_profiles as select * from profiles.contact_profiles;
"""

MJML = """<mjml><mj-body><mj-section><mj-column><mj-text>Hello {{ first_name | default("there", true) }}
<a href="{{ unsubscribe_url }}">Unsubscribe</a> {{ postal_address }}</mj-text></mj-column></mj-section></mj-body></mjml>"""


def build(db: psycopg.Connection) -> None:
    """The public tables, empty, and every data test passed."""
    db.execute(PUBLIC_TABLES)
    pass_data_tests(db)
    db.commit()


def pass_data_tests(db: psycopg.Connection, *suites: str, now: datetime = NOW) -> None:
    for suite in suites or ("contacts", "events", "segment_members", "campaign_messages"):
        guard.record(db, suite=suite, passed=True, problem=None, expectations=1, failures=[], now=now)
    db.commit()


def fail_data_test(
    db: psycopg.Connection, suite: str, problem: str = "email_consent: 3 rows are empty", now: datetime = NOW
) -> None:
    guard.record(db, suite=suite, passed=False, problem=problem, expectations=1, failures=[], now=now)
    db.commit()


def add_contact_version(
    db: psycopg.Connection, contact_id: int, consent: str, begin: datetime, end: datetime | None = None
) -> None:
    """What the CRM said of a contact's consent from when until when; without an end, it still does."""
    db.execute(
        "insert into core.contact_history (contact_id, email_consent, valid_from, valid_to, recorded_at) values (%s, %s, %s, %s, %s)",
        [contact_id, consent, begin, end, begin],
    )


def add_contact(
    db: psycopg.Connection, contact_id: int, email: str | None = "", *, consent: str = "subscribed", **attributes: Any
) -> None:
    """A contact with profile; the address is made of the number unless given."""
    address = f"c{contact_id}@mail.test.dev" if email == "" else email
    status = "missing" if address is None else "valid" if "@" in address else "invalid"
    db.execute(
        "insert into core.contacts values (%s, %s, %s, %s, %s)",
        [contact_id, address if status == "valid" else None, status, consent, NOW],
    )
    columns = {
        "contact_id": contact_id,
        "email": address if status == "valid" else None,
        "email_status": status,
        "email_consent": consent,
        "first_name": f"Name{contact_id}",
        **attributes,
    }
    names = psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, columns))
    values = psycopg.sql.SQL(", ").join(psycopg.sql.Placeholder() * len(columns))
    db.execute(
        psycopg.sql.SQL("insert into profiles.contact_profiles ({}) values ({})").format(names, values),
        list(columns.values()),
    )


def add_segment(db: psycopg.Connection, key: str, members: list[int]) -> int:
    row = db.execute(
        "insert into engage.segments (key, kind, title, description, definition, size, created_at, refreshed_at) "
        "values (%s, 'dbt', %s, '', %s, %s, %s, %s) returning segment_id",
        [key, key.title(), '{"relation": ["segments", "' + key + '"]}', len(members), NOW, NOW],
    ).fetchone()
    segment_id = row[0]
    db.execute(
        "insert into engage.segment_members (segment_id, contact_id, entered_at) select %s, unnest(%s::bigint[]), %s",
        [segment_id, members, NOW],
    )
    return segment_id


def add_template(db: psycopg.Connection, key: str = "news", **parts: str) -> int:
    text = "Hello {{ first_name }} {{ unsubscribe_url }} {{ postal_address }}"
    content = {
        "subject": "News for {{ first_name | default('you', true) }}",
        "preheader": "",
        "body_mjml": MJML,
        "body_text": text,
        **parts,
    }
    return versions.save(db, key=key, name=key.title(), actor="test", now=NOW, **content).template_version_id


def add_campaign(db: psycopg.Connection, *, contacts: int = 5, key: str = "sale", cron: str | None = None) -> Campaign:
    """A launched campaign to that many contacts."""
    build(db)
    for number in range(1, contacts + 1):
        add_contact(db, number)
    add_segment(db, "everybody", list(range(1, contacts + 1)))
    add_template(db)
    commands.create(
        db, name=key, segment="everybody", template="news", cron=cron, time_zone="Europe/Rome", actor="test", now=NOW
    )
    # far away, so that tests whose delivery runs by the real clock still send what NOW froze
    db.execute("update engage.campaigns set deadline_minutes = 5000000 where key = %s", [key])
    campaign = commands.launch(db, key, now=NOW)
    db.commit()
    return campaign


def begin_run(db: psycopg.Connection, campaign: Campaign, *, provider: str = "sandbox", now: datetime = NOW) -> int:
    """Plans and snapshots its run, and opens it for sending."""
    run_id = runs.plan(db, campaign.campaign_id, campaign.next_run_at, now=now)
    assert run_id is not None
    runs.snapshot(db, run_id, sender="Shop <news@shop.test.dev>", provider=provider, now=now)
    pass_data_tests(db, "campaign_messages", now=now)
    assert runs.open_for_sending(db, now=now) == []
    db.commit()
    return run_id


def states(db: psycopg.Connection) -> dict[str, int]:
    counted = dict(db.execute("select state, count(*) from engage.campaign_messages group by 1").fetchall())
    db.commit()
    return counted


def add_topic(db: psycopg.Connection, key: str, *, active: bool = True) -> int:
    row = db.execute(
        "insert into engage.topics (key, name, description, is_active, created_at, created_by) "
        "values (%s, %s, %s, %s, %s, 'test') returning topic_id",
        [key, key.title(), f"All about {key}.", active, NOW],
    ).fetchone()
    return row[0]


def add_suppression(
    db: psycopg.Connection,
    reason: str,
    *,
    contact_id: int = 0,
    address: str | None = None,
    channel: str = "email",
    topic_id: int | None = None,
    at: datetime = NOW,
    expires_at: datetime | None = None,
) -> int:
    row = db.execute(
        "insert into engage.suppressions "
        "(contact_id, channel, topic_id, address, reason, source, evidence, created_at, expires_at) "
        "values (%s, %s, %s, %s, %s, 'test', '{}', %s, %s) returning suppression_id",
        [contact_id, channel, topic_id, address, reason, at, expires_at],
    ).fetchone()
    return row[0]
