"""The dbt project on a small CRM made by hand: what it derives, and that a build writes only what changed."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from activation.segments import catalogue
from engage_db.settings import PROJECT_ROOT
from engage_db.tables.delivery import SKIP_REASONS
from tests.support.dbt import DbtFailed, run_dbt, start_dbt

PUBLIC = ("core", "profiles", "segments", "marts")
TABLES = ("core.contacts", "core.events", "profiles.contact_profiles", "marts.built_message_outcomes")
MODELS = ("contacts", "events", "contact_profiles", "built_message_outcomes")

CUSTOMER = {"plan": "free", "tags": ["b2b"], "created_at": "-700 days", "updated_at": "-90 days"}
ORDER = {"status": "paid", "channel": "web", "currency": "EUR", "updated_at": "-40 days"}
ITEM = {"quantity": 1, "discount": 0, "updated_at": "-40 days"}
CALL = {"outcome": "answered", "agent_name": "Giulia", "duration": "90 seconds", "updated_at": "-20 days"}
DEAL = {
    "title": "Uniforms",
    "currency": "EUR",
    "owner_name": "Marc",
    "created_at": "-60 days",
    "updated_at": "-30 days",
}
WHATSAPP = {"body": "Hello?", "updated_at": "-10 days"}
PRODUCT = {"category": "wool", "price": 10, "currency": "EUR", "created_at": "-700 days", "updated_at": "-700 days"}
TIMES = ("_at", "_for")


# -- a CRM and what was sent, by hand ---------------------------------------------------------------------------------


def add(db, table, defaults=None, **row):
    """One row; a time is written as its distance from now: "-2 days"."""
    row = {**(defaults or {}), **row}
    values = [
        sql.SQL("now() + {}::interval").format(value) if name.endswith(TIMES) and value else sql.Literal(value)
        for name, value in row.items()
    ]
    db.execute(
        sql.SQL("insert into {} ({}) values ({})").format(
            sql.Identifier(*table.split(".")), sql.SQL(", ").join(map(sql.Identifier, row)), sql.SQL(", ").join(values)
        )
    )


def mirrors(db):
    """The mirrors of the CRM's tables, as extraction makes them."""
    db.execute("set search_path to raw_crm")
    db.execute((PROJECT_ROOT / "demo" / "schema.sql").read_text())
    for (table,) in db.execute("select tablename from pg_tables where schemaname = 'raw_crm'").fetchall():
        db.execute(
            sql.SQL(
                "alter table {} add _extracted_at timestamptz not null default now() - interval '1 day', "
                "add _deleted_at timestamptz"
            ).format(sql.Identifier(table))
        )
    db.execute("set search_path to public")


def fill_crm(db):
    ada = {"first_name": " ADA ", "last_name": "o'brien", "email": " ADA@Example.com ", "city": "ROME", "plan": "pro"}
    add(db, "raw_crm.customers", CUSTOMER, id=1, **ada, email_opt_in=True)
    add(db, "raw_crm.customers", CUSTOMER, id=2, first_name="Bob", email="bob@@example.com", email_opt_in=False)
    add(db, "raw_crm.customers", CUSTOMER, id=3, first_name=" ", last_name="de la Cruz", email="ada@example.com")
    add(db, "raw_crm.customers", CUSTOMER, id=4, first_name="Dan", email="dan@example.com", _deleted_at="-2 days")
    add(db, "raw_crm.customers", CUSTOMER, id=5, email="", created_at="-3 days")
    add(db, "raw_crm.products", PRODUCT, id=1, sku="A", name="Scarf")
    add(db, "raw_crm.products", PRODUCT, id=2, sku="B", name="Coat")
    add(db, "raw_crm.orders", ORDER, id=10, customer_id=1, total=20, ordered_at="-200 days", paid_at="-199 days")
    add(db, "raw_crm.orders", ORDER, id=11, customer_id=1, total=100, ordered_at="-100 days", paid_at="-100 days")
    add(db, "raw_crm.orders", ORDER, id=12, customer_id=3, total=5, status="pending", ordered_at="-3 days")
    add(
        db,
        "raw_crm.orders",
        ORDER,
        id=13,
        customer_id=3,
        total=7,
        status="refunded",
        ordered_at="-9 days",
        paid_at="-9 days",
    )
    add(db, "raw_crm.orders", ORDER, id=14, customer_id=999, total=9, ordered_at="-50 days", paid_at="-50 days")
    add(db, "raw_crm.order_items", ITEM, id=1, order_id=11, product_id=1, unit_price=10)
    add(db, "raw_crm.order_items", ITEM, id=2, order_id=11, product_id=2, unit_price=90)
    add(db, "raw_crm.calls", CALL, id=1, customer_id=2, direction="inbound", started_at="-20 days")
    add(
        db,
        "raw_crm.whatsapp_messages",
        WHATSAPP,
        id=1,
        customer_id=2,
        direction="inbound",
        status="received",
        sent_at="-10 days",
    )
    add(
        db,
        "raw_crm.whatsapp_messages",
        WHATSAPP,
        id=2,
        customer_id=2,
        direction="outbound",
        status="read",
        sent_at="-9 days",
    )
    history = [
        {"stage": "lead", "at": "2026-01-31T09:00:00+00:00"},
        {"stage": "proposal", "at": "2026-02-03T09:00:00+00:00"},
    ]
    add(db, "raw_crm.deals", DEAL, id=1, customer_id=2, stage="proposal", amount=6000, stage_history=Jsonb(history))


def send_a_campaign(db):
    """Six messages: read twice and clicked, clicked with no open seen, delivered then bounced, skipped, unknown, queued."""
    add(
        db,
        "engage.segments",
        key="all",
        kind="dbt",
        title="Everybody",
        description="",
        definition=Jsonb({}),
        created_at="-9 days",
    )
    add(db, "engage.segment_members", segment_id=1, contact_id=1, entered_at="-3 days")
    add(db, "engage.segment_sizes", segment_id=1, measured_at="-3 days", size=2, entered=2, exited=0)
    add(db, "engage.segment_sizes", segment_id=1, measured_at="-2 days", size=1, entered=0, exited=1)
    add(db, "engage.message_templates", key="hello", name="Hello", created_by="test", created_at="-9 days")
    texts = dict.fromkeys(("subject", "body_mjml", "body_html", "body_text", "content_sha256"), "")
    add(
        db,
        "engage.template_versions",
        **texts,
        template_id=1,
        version=1,
        tokens=[],
        created_by="test",
        created_at="-9 days",
    )
    campaign = {"kind": "broadcast", "state": "finished", "segment_id": 1, "template_id": 1, "time_zone": "Europe/Rome"}
    times = {"created_at": "-2 days", "updated_at": "-2 days"}
    add(db, "engage.campaigns", **campaign, **times, key="hello", name="Hello", created_by="test")
    add(db, "engage.campaigns", **campaign, **times, key="never", name="Never ran", created_by="test")
    triggered = campaign | {"kind": "triggered", "state": "scheduled", "segment_id": None}
    add(db, "engage.campaigns", **triggered, **times, key="receipt", name="Receipt", created_by="test")
    run = {"campaign_id": 1, "state": "finished", "targeted": 6}
    add(db, "engage.campaign_runs", **run, scheduled_for="-2 days", created_at="-2 days")
    states = ("delivered", "sent", "bounced", "skipped", "unknown", "queued")
    for contact_id, state in enumerate(states, start=1):
        write(db, contact_id, state)
    happenings = (
        (1, "sent"), (1, "delivered"), (1, "opened"), (1, "opened"), (1, "clicked"), (2, "sent"), (2, "clicked"),
        (3, "sent"), (3, "delivered"), (3, "bounced"), (5, "delivered"),
    )  # fmt: skip
    for number, (message_id, what) in enumerate(happenings):
        hear(db, message_id, what, number=number, recorded_at="-90 minutes")


def write(db, contact_id, state, *, sent_at="-2 days"):
    """A message of the run, whose number is the contact's."""
    was_sent = state in ("delivered", "sent", "bounced")
    add(
        db, "engage.campaign_messages", campaign_run_id=1, campaign_id=1, contact_id=contact_id, channel="email",
        address=f"c{contact_id}@mail.test.dev", provider="sandbox" if was_sent else None, template_version_id=1,
        state=state, reason="no_consent" if state == "skipped" else None, next_attempt_at="-2 days",
        created_at="-2 days", state_changed_at="-2 days", sent_at=sent_at if was_sent else None,
    )  # fmt: skip


SIMULATED = {"simulated": True}


def hear(db, message_id, what, *, number, recorded_at, seconds=0.0, provider="sandbox", detail=SIMULATED):
    add(
        db, "engage.message_events", message_id=message_id, campaign_id=1, contact_id=message_id, type=what,
        occurred_at=f"-47 hours {number} minutes {seconds} seconds", recorded_at=recorded_at, provider=provider,
        provider_event_id=f"{number}/{seconds}", detail=Jsonb(detail),
    )  # fmt: skip


def change(db):
    """What a day brings: edits, moves, somebody new, somebody gone, and an event that committed late."""
    touch = sql.SQL("update raw_crm.{} set {}, _extracted_at = now() where id = {}")
    for table, assignment, key in (
        ("customers", "email = 'ada@new.example.com', plan = 'basic'", 1),
        ("customers", "_deleted_at = now()", 5),
        ("orders", "total = 120, status = 'shipped', shipped_at = now()", 11),
        ("orders", "status = 'paid', paid_at = now() - interval '1 hour'", 12),
        (
            "deals",
            'stage = \'won\', stage_history = stage_history || \'{"stage": "won", "at": "2026-03-01T09:00:00Z"}\'::jsonb',
            1,
        ),
    ):
        db.execute(touch.format(sql.Identifier(table), sql.SQL(assignment), sql.Literal(key)))
    add(db, "raw_crm.customers", CUSTOMER, id=999, first_name="Late", created_at="-50 days", _extracted_at="0 days")
    add(
        db,
        "raw_crm.orders",
        ORDER,
        id=15,
        customer_id=2,
        total=3,
        ordered_at="-1 hour",
        status="pending",
        _extracted_at="0 days",
    )
    db.execute(
        "update engage.campaign_messages set state = 'sent', sent_at = now() - interval '4 minutes', provider = 'sandbox' "
        "where state = 'queued'"
    )
    hear(db, 2, "opened", number=90, recorded_at="-100 minutes")
    hear(db, 1, "unsubscribed", number=91, recorded_at="-5 minutes")


# -- databases, each built once ---------------------------------------------------------------------------------------


@dataclass
class Built:
    """A database that dbt has built; `rows` looks into it."""

    url: str
    target_path: Path

    def dbt(self, *arguments):
        return run_dbt(self.url, *arguments, target_path=self.target_path)

    def rows(self, query):
        with psycopg.connect(self.url, options="-c timezone=UTC") as db:
            return db.execute(query).fetchall()

    def row(self, query):
        (row,) = self.rows(query)
        return row

    def tables(self, columns="to_jsonb(public.*)"):
        """The rows of the tables that are built incrementally."""
        return {table: sorted(self.rows(f"select {columns} from {table} as public"), key=str) for table in TABLES}

    def segment_views(self):
        return self.rows(
            "select oid, relname from pg_class where relnamespace = 'segments'::regnamespace order by relname"
        )


@pytest.fixture(scope="module")
def live(cluster, tmp_path_factory):
    """After the first build, with every data test and unit test; later builds run here."""
    with cluster.migrated_database() as url:
        with psycopg.connect(url, options="-c timezone=UTC") as db:
            mirrors(db)
            fill_crm(db)
            send_a_campaign(db)
        database = Built(url, tmp_path_factory.mktemp("target"))
        database.dbt("build")
        yield database


@pytest.fixture(scope="module")
def built(cluster, live):
    """A copy of what the first build made, which nothing changes."""
    with cluster.database(template=urlsplit(live.url).path.strip("/")) as url:
        yield Built(url, live.target_path)


@dataclass
class Day:
    """What the incremental tables were before a day of changes, after the next build, and after a full refresh."""

    before: dict[str, list]
    incremental: dict[str, list]
    refreshed: dict[str, list]
    written: dict[str, int]
    views_before: list
    views_after: list


@pytest.fixture(scope="module")
def day(built, live):
    before, views_before = live.tables(), live.segment_views()
    versions = live.tables("xmin::text || '/' || ctid::text")
    with psycopg.connect(live.url) as db:
        change(db)
    live.dbt("run", "--select", *MODELS)
    written = {
        table: len(set(rows) - set(versions[table]))
        for table, rows in live.tables("xmin::text || '/' || ctid::text").items()
    }
    incremental, views_after = live.tables(), live.segment_views()
    live.dbt("run", "--full-refresh", "--select", *MODELS)
    return Day(before, incremental, live.tables(), written, views_before, views_after)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """The manifest, parsed where nothing is set."""
    target_path = tmp_path_factory.mktemp("manifest")
    run_dbt(None, "parse", target_path=target_path)
    return json.loads((target_path / "manifest.json").read_text())


def models(manifest, *folders):
    return [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and (not folders or node["fqn"][1] in folders)
    ]


# -- what is derived --------------------------------------------------------------------------------------------------


def test_people_are_cleaned_and_two_with_one_address_stay_two(built):
    rows = built.rows(
        "select contact_id, full_name, email, email_status, email_domain, city, email_consent from core.contacts order by 1"
    )

    assert rows == [
        (1, "Ada O'Brien", "ada@example.com", "valid", "example.com", "Rome", "subscribed"),
        (2, "Bob", None, "invalid", None, None, "unsubscribed"),
        (3, "de la Cruz", "ada@example.com", "valid", "example.com", None, "unknown"),
        (5, None, None, "missing", None, None, "unknown"),
    ]


def test_every_origin_yields_its_events_with_their_values(built):
    rows = built.rows(
        "select source, event_name, source_key, contact_id, value from core.events where source like 'crm.%' "
        "order by source, source_key, event_name"
    )

    assert rows == [
        ("crm.calls", "call_logged", "1", 2, 90),
        ("crm.deals", "deal_stage_changed", "1/1", 2, 6000),
        ("crm.deals", "deal_stage_changed", "1/2", 2, 6000),
        ("crm.orders", "order_created", "10", 1, 20),
        ("crm.orders", "order_paid", "10", 1, 20),
        ("crm.orders", "order_created", "11", 1, 100),
        ("crm.orders", "order_paid", "11", 1, 100),
        ("crm.orders", "order_created", "12", 3, 5),
        ("crm.orders", "order_created", "13", 3, 7),
        ("crm.orders", "order_paid", "13", 3, 7),
        ("crm.orders", "order_created", "14", 999, 9),
        ("crm.orders", "order_paid", "14", 999, 9),
        ("crm.whatsapp_messages", "whatsapp_received", "1", 2, None),
        ("crm.whatsapp_messages", "whatsapp_sent", "2", 2, None),
    ]
    assert built.row("select properties from core.events where source_key = '1/2'")[0] == {
        "deal_id": 1, "title": "Uniforms", "from_stage": "lead", "to_stage": "proposal", "owner": "Marc",
    }  # fmt: skip
    assert built.row("select count(*) from core.events where source = 'engage.messages'") == (11,)


def test_that_a_message_was_sent_is_told_once_by_the_message_itself(built):
    rows = built.rows(
        "select source_key, contact_id, properties ->> 'provider' from core.events where event_name = 'email_sent' order by 1"
    )

    assert rows == [("sent/1", 1, "sandbox"), ("sent/2", 2, "sandbox"), ("sent/3", 3, "sandbox")]


def test_what_older_versions_told_of_sending_is_exchanged_and_never_doubled(cluster, live, tmp_path):
    with cluster.database(template=urlsplit(live.url).path.strip("/")) as url:
        copy = Built(url, tmp_path / "target")
        with psycopg.connect(url) as db:
            db.execute(
                "update core.events set event_id = md5(event_id::text)::uuid, source_key = substr(source_key, 6) "
                "where event_name = 'email_sent'"
            )
            db.execute(  # the provider told it as well
                "insert into core.events select gen_random_uuid(), contact_id, event_name, occurred_at, source, '9' || source_key, "
                "value, currency, properties, recorded_at from core.events where event_name = 'email_sent'"
            )

        copy.dbt("run", "--select", "events")

        assert copy.rows(DIFFERING) == []


DIFFERING = (
    "(table core.events except table live.live_events) union all (table live.live_events except table core.events)"
)


def test_a_short_stay_in_a_segment_that_ends_between_two_builds_has_both_its_events(cluster, live, tmp_path):
    with cluster.database(template=urlsplit(live.url).path.strip("/")) as url:
        copy = Built(url, tmp_path / "target")
        with psycopg.connect(url) as db:
            add(db, "engage.segment_members", segment_id=1, contact_id=2, entered_at="-12 minutes")
        copy.dbt("run", "--select", "events")
        with psycopg.connect(url) as db:
            db.execute(
                "with gone as (delete from engage.segment_members where contact_id = 2 returning *) "
                "insert into engage.segment_past_stays (segment_id, contact_id, entered_at, exited_at) "
                "select segment_id, contact_id, entered_at, now() - interval '2 minutes' from gone"
            )
        copy.dbt("run", "--select", "events")

        assert copy.rows("select event_name from core.events where contact_id = 2 and source = 'engage.segments' order by 1") == [
            ("segment_entered",), ("segment_exited",),
        ]  # fmt: skip
        assert copy.rows(DIFFERING) == []


def test_a_profile_tells_what_somebody_bought_and_did(built):
    facts = "orders_count, lifetime_value, average_order_value, last_product_name, open_deals_amount, emails_opened_count, calls_count"

    assert built.row(f"select {facts} from profiles.contact_profiles where contact_id = 1") == (
        2,
        120,
        60,
        "Coat",
        0,
        2,
        0,
    )
    assert built.row(f"select {facts} from profiles.contact_profiles where contact_id = 2") == (
        0,
        0,
        None,
        None,
        6000,
        0,
        1,
    )
    assert built.row(f"select {facts} from profiles.contact_profiles where contact_id = 3") == (
        0,
        0,
        None,
        None,
        0,
        0,
        0,
    )


@pytest.mark.parametrize(
    ("segment", "members"),
    [
        ("newsletter_subscribers", [1]),
        ("pro_plan_in_rome_or_paris", [1]),
        ("win_back", [1]),
        ("never_ordered", [2, 3]),
        ("new_customers", [5]),
        ("open_deals_over_5000", [2]),
        ("whatsapp_responders", [2]),
        ("engaged_readers", [1, 2]),
        ("cancelled_cart", [3]),
    ],
)
def test_a_segment_holds_exactly_whom_it_describes(built, segment, members):
    assert [row[0] for row in built.rows(f"select contact_id from segments.{segment} order by 1")] == members


def test_a_message_counts_once_in_the_funnel_whatever_was_heard_of_it_twice(built):
    figures = (
        "targeted, queued, skipped, skipped_no_consent, skipped_other, unknown, sent, delivered, bounced, opened, "
        "opened_total, clicked, clicked_total, delivery_rate, click_to_open_rate"
    )

    hello = built.row(f"select {figures} from marts.campaign_funnel where campaign_key = 'hello'")
    never = built.row(f"select {figures} from marts.campaign_funnel where campaign_key = 'never'")
    receipt = built.row(
        "select kind, segment_title, targeted from marts.campaign_funnel where campaign_key = 'receipt'"
    )

    assert [float(figure) for figure in hello] == [6, 1, 1, 1, 0, 1, 3, 2, 1, 2, 3, 2, 2, 0.6667, 1]
    assert never == (*[0] * 13, None, None)
    assert receipt == ("triggered", None, 0)


def test_the_funnel_knows_every_reason_for_leaving_somebody_out(built):
    columns = built.rows(
        "select column_name from information_schema.columns where table_schema = 'marts' and table_name = 'campaign_funnel'"
    )

    reasons = {name.removeprefix("skipped_") for (name,) in columns if name.startswith("skipped_")}
    assert reasons == {*SKIP_REASONS, "other"}


def test_the_ledger_of_a_run_sums_up_to_those_targeted(built):
    rows = built.rows("select state, reason, messages from marts.campaign_run_results order by state")

    assert rows == [
        ("bounced", None, 1), ("delivered", None, 1), ("queued", None, 1), ("sent", None, 1), ("skipped", "no_consent", 1),
        ("unknown", None, 1),
    ]  # fmt: skip
    assert built.rows("select adds_up from engage.campaign_run_counts") == [(True,)]


def test_deliverability_is_told_by_provider_domain_and_day(built):
    figures = "provider, recipient_domain, sent, delivered, bounced, bounced_other, complained, is_over_complaint_aim"

    assert built.rows(f"select {figures} from marts.deliverability_daily") == [
        ("sandbox", "mail.test.dev", 3, 2, 1, 1, 0, False)
    ]


# -- people and machines ----------------------------------------------------------------------------------------------

BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36"
SCANNER = {"agent": BROWSER, "ip": "198.51.100.7"}
HEADLINE = "select count(delivered_at), count(opened_at), count(clicked_at), sum(opens), sum(clicks) from marts.message_outcomes"


def prefetch_and_scan(db, message_id, *, number):
    """Apple's prefetch, then a scanner that fetches the pixel, reads four links within two seconds and the hidden one."""
    told = {"number": number, "recorded_at": "-80 minutes", "provider": "engage"}
    hear(db, message_id, "opened", **told, seconds=30, detail={"agent": "Mozilla/5.0", "ip": "104.28.31.62"})
    hear(db, message_id, "opened", **told, seconds=60, detail=SCANNER)
    for link in range(4):
        hear(db, message_id, "clicked", **told, seconds=60 + link * 0.6, detail={**SCANNER, "link": str(link + 1)})
    hear(db, message_id, "clicked", **told, seconds=90, detail={**SCANNER, "link": "0"})


@dataclass
class Scanned:
    """A database before and after machines were at work, built again after that."""

    built: Built
    before: tuple
    after: tuple


@pytest.fixture(scope="module")
def scanned(cluster, live, tmp_path_factory):
    with cluster.database(template=urlsplit(live.url).path.strip("/")) as url:
        copy = Built(url, tmp_path_factory.mktemp("scanned"))
        with psycopg.connect(url, autocommit=True) as db:
            write(db, 7, "delivered")  # nobody has opened this one
            hear(db, 7, "delivered", number=30, recorded_at="-90 minutes")
            before = copy.row(HEADLINE)
            prefetch_and_scan(db, 1, number=120)
            prefetch_and_scan(db, 7, number=240)
        copy.dbt("run", "--select", "built_message_outcomes", "campaign_funnel")
        yield Scanned(copy, before, copy.row(HEADLINE))


def test_prefetchers_scanners_and_who_follows_the_hidden_link_leave_the_headline_as_it_was(scanned):
    figures = "opened, clicked, opened_machine, clicked_machine, opened_total, clicked_total, open_rate"

    assert scanned.after == scanned.before == (3, 2, 2, 3, 2)
    funnel = scanned.built.row(f"select {figures} from marts.campaign_funnel where campaign_key = 'hello'")
    assert [float(figure) for figure in funnel] == [2, 2, 2, 2, 7, 12, 0.6667]


def test_what_machines_did_is_kept_with_the_rule_that_told_them(scanned):
    rows = scanned.built.rows(
        "select type, rule_key, count(*) from marts.classified_message_events where message_id = 7 and verdict = 'machine' "
        "group by 1, 2 order by 1, 2"
    )

    assert rows == [
        ("clicked", "honeypot", 1), ("clicked", "many_links_at_once", 4),
        ("opened", "apple_mail_privacy", 1), ("opened", "same_visitor", 1),
    ]  # fmt: skip
    assert scanned.built.row("select count(*) from engage.message_events where message_id = 7") == (8,)


def test_another_rule_judges_the_past_as_well(scanned):
    with psycopg.connect(scanned.built.url) as db:
        db.execute("update marts.engagement_rules set verdict = 'human' where rule_key = 'apple_mail_privacy'")
        opened = db.execute("select message_id from marts.message_outcomes where opened_at is not null order by 1")

        assert opened.fetchall() == [(1,), (2,), (7,)]
        db.rollback()


def test_the_days_of_a_campaign_sum_up_to_its_funnel(built):
    outcomes = ("sent", "delivered", "bounced", "opened", "clicked", "complained", "unsubscribed")

    daily = built.row(
        f"select {', '.join(f'sum({one})' for one in outcomes)} from marts.campaign_daily where campaign_id = 1"
    )

    assert daily == built.row(f"select {', '.join(outcomes)} from marts.campaign_funnel where campaign_id = 1")


def test_the_last_day_of_a_year_of_figures_knows_all_contacts(built):
    assert built.row("select count(*), max(contacts) from marts.kpi_daily") == (400, 4)
    assert built.row("select sum(revenue), sum(orders), sum(messages_sent) from marts.kpi_daily") == (129, 3, 3)
    assert built.rows("select size, entered, exited from marts.segment_size_daily order by day") == [
        (2, 2, 0),
        (1, 0, 1),
    ]


def test_a_text_that_is_not_tidy_fails_its_test(built, live):
    """Segments compare these texts as they are: who breaks the promise hears of it."""
    live.dbt("test", "--select", "test_name:tidy")
    for offence in ("city = ' Rome'", "last_name = ''", "email_domain = 'Example.com'"):
        with psycopg.connect(live.url) as db:
            before = db.execute(
                "select city, last_name, email_domain from profiles.contact_profiles where contact_id = 1"
            ).fetchone()
            db.execute(f"update profiles.contact_profiles set {offence} where contact_id = 1")
        with pytest.raises(DbtFailed):
            live.dbt("test", "--select", "test_name:tidy")
        with psycopg.connect(live.url) as db:
            db.execute(
                "update profiles.contact_profiles set city = %s, last_name = %s, email_domain = %s where contact_id = 1",
                before,
            )


# -- what a build writes ----------------------------------------------------------------------------------------------


def test_a_second_build_of_the_same_data_writes_and_locks_nothing(built, live):
    versions = "xmin::text, xmax::text, ctid::text"
    before = live.tables(versions)

    live.dbt("run", "--select", *MODELS)

    assert live.tables(versions) == before


def test_a_build_vacuums_what_segments_are_found_in(built, live):
    vacuumed = (
        "select relname, vacuum_count from pg_stat_user_tables "
        "where schemaname in ('core', 'profiles') and relname in ('contacts', 'events', 'contact_profiles') order by 1"
    )
    before = live.rows(vacuumed)

    live.dbt("run", "--select", *MODELS)

    assert len(before) == 3
    assert live.rows(vacuumed) == [(table, times + 1) for table, times in before]


def test_after_a_day_of_changes_the_next_build_equals_a_full_refresh(day):
    assert day.incremental == day.refreshed
    assert day.incremental != day.before


def test_only_what_changed_is_written(day):
    assert day.written == {
        "core.contacts": 2,  # one edited, one new
        "core.events": 11,  # orders 11 (both), 12 (both), 15; the deal's three; messages: a late, a new one, one sent
        "profiles.contact_profiles": 4,  # contacts 1, 2, 3 and the new one
        "marts.built_message_outcomes": 3,  # one heard of, one heard of late, one sent
    }


def test_whoever_the_crm_deleted_is_no_contact_any_more_but_the_rest_is(day):
    contacts = {row["contact_id"] for (row,) in day.incremental["core.contacts"]}
    profiles = {row["contact_id"] for (row,) in day.incremental["profiles.contact_profiles"]}

    assert contacts == profiles == {1, 2, 3, 999}


def test_orders_that_came_before_their_customer_are_in_the_profile_once_the_customer_is_there(day):
    (late,) = [row for (row,) in day.incremental["profiles.contact_profiles"] if row["contact_id"] == 999]

    assert (late["orders_count"], late["events_count"]) == (1, 2)


def test_what_live_segments_read_is_what_the_build_made(built):
    """The same derivation twice: from the newest landed rows for single people, and as tables for all."""
    for live_view, table in (
        ("live.live_events", "core.events"),
        ("live.live_contact_profiles", "profiles.contact_profiles"),
    ):
        differing = built.rows(
            f"(table {live_view} except table {table}) union all (table {table} except table {live_view})"
        )
        assert differing == []
        assert built.row(f"select count(*) > 0 from {table}") == (True,)


@pytest.mark.parametrize(
    "question",
    [
        "select * from live.live_events where contact_id = 1",
        "select * from intermediate.int_events__from_segments where recorded_at > now() - interval '1 hour'",
    ],
)
def test_whoever_asks_for_one_contact_or_for_news_reads_by_index_and_not_all_stays(built, question):
    with psycopg.connect(built.url) as db:
        db.execute("set local enable_seqscan = off")
        plan = "\n".join(line for (line,) in db.execute(f"explain {question}").fetchall())

    conditions = [line for line in plan.splitlines() if "Index Cond" in line]
    assert "CTE Scan on stays" not in plan
    assert any("contact_id = " in line or "entered_at >" in line for line in conditions), plan


def test_views_over_the_tables_live_through_a_build(day):
    assert day.views_before
    assert day.views_after == day.views_before


def test_a_view_is_replaced_in_its_place_so_that_what_stands_on_it_stays(built, live):
    views = "select oid::regclass::text, oid from pg_class where relkind = 'v' and relnamespace = 'staging'::regnamespace order by 1"
    before = live.rows(views)

    live.dbt("run", "--select", "staging")

    assert before
    assert live.rows(views) == before


def test_a_view_whose_columns_changed_is_made_anew_with_what_stands_on_it(built, live):
    columns = (
        "select table_schema, table_name, column_name from information_schema.columns "
        "where table_schema in ('staging', 'intermediate', 'live') order by 1, 2, ordinal_position"
    )
    before = live.rows(columns)
    with psycopg.connect(live.url) as db:
        db.execute("alter view staging.stg_crm__calls rename column outcome to formerly")

    live.dbt("run", "--select", "stg_crm__calls+")

    assert live.rows(columns) == before


# -- what became of messages ------------------------------------------------------------------------------------------

OUTCOMES_DIFFER = """
    select message_id from marts.built_message_outcomes built join marts.message_outcomes live using (message_id)
    where to_jsonb(built) - 'derived_by' is distinct from to_jsonb(live)
    order by message_id
"""


@pytest.fixture
def outcomes(cluster, live, tmp_path):
    """A copy where figures may be built again; nothing in its table differs from what is known live."""
    with cluster.database(template=urlsplit(live.url).path.strip("/")) as url:
        copy = Built(url, tmp_path / "target")
        assert copy.rows(OUTCOMES_DIFFER) == []
        assert copy.row("select count(*) from marts.built_message_outcomes") == (6,)
        yield copy


def test_when_a_rule_changes_the_next_build_judges_the_past_anew(outcomes):
    with psycopg.connect(outcomes.url) as db:
        db.execute("update marts.engagement_rules set verdict = 'machine' where rule_key = 'simulated'")
    assert outcomes.rows(OUTCOMES_DIFFER) == [(1,), (2,)]

    outcomes.dbt("run", "--select", "built_message_outcomes")

    assert outcomes.rows(OUTCOMES_DIFFER) == []


def test_a_silence_that_has_become_long_enough_counts_as_arrival_at_the_next_build(outcomes):
    with psycopg.connect(outcomes.url) as db:
        write(db, 7, "sent", sent_at="-71 hours")
        db.execute("update engage.campaign_messages set provider = 'smtp' where contact_id = 7")
    outcomes.dbt("run", "--select", "built_message_outcomes")
    known = "select delivered_at = sent_at, is_delivery_assumed from marts.built_message_outcomes where message_id = 7"
    assert outcomes.row(known) == (None, False)
    with psycopg.connect(outcomes.url) as db:  # two hours pass for this message, and nothing else happens to it
        for table in ("engage.campaign_messages", "marts.built_message_outcomes"):
            db.execute(f"update {table} set sent_at = sent_at - interval '2 hours' where message_id = 7")

    outcomes.dbt("run", "--select", "built_message_outcomes")

    assert outcomes.row(known) == (True, True)


def test_since_when_the_crm_says_no_is_told_by_the_history_whatever_else_changes_later(cluster, live, tmp_path):
    asked = "select engage.crm_unsubscribed_at(1, 'email') = updated_at from raw_crm.customers where id = 1"
    with cluster.database(template=urlsplit(live.url).path.strip("/")) as url:
        copy = Built(url, tmp_path / "target")
        for number, assignment in enumerate(("email_opt_in = false", "city = 'Milan'")):
            with psycopg.connect(url) as db:
                db.execute(
                    f"update raw_crm.customers set {assignment}, updated_at = now() + interval '{number} minutes', "
                    "_extracted_at = now() where id = 1"
                )
            copy.dbt("run", "--select", "stg_crm__customers", "contacts", "int_contacts__recorded")
            copy.dbt("snapshot", "--select", "contact_history")
            assert copy.row(asked) == (number == 0,)
        assert copy.row("select engage.crm_unsubscribed_at(1, 'sms') is not null") == (True,)
        assert copy.row("select count(*) from pg_indexes where indexname = 'contact_history_contact_id_idx'") == (1,)


# -- how the project is made ------------------------------------------------------------------------------------------


def test_a_build_killed_in_the_middle_leaves_the_last_good_table_and_the_next_build_completes_it(
    cluster, live, tmp_path
):
    with cluster.database(template=urlsplit(live.url).path.strip("/")) as url:
        copy = Built(url, tmp_path / "target")
        before = copy.tables()["profiles.contact_profiles"]
        with psycopg.connect(url) as holder:
            holder.execute("update raw_crm.customers set plan = 'enterprise', _extracted_at = now()")
            holder.commit()
            holder.execute("lock table profiles.contact_profiles in share row exclusive mode")
            build = start_dbt(url, "run", "--select", *MODELS, target_path=copy.target_path)
            waiting = (
                "select count(*) > 0 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' "
                "and query like '%contact_profiles%'"
            )
            # it comes to the lock or it ends: how long either takes is the machine's affair
            while copy.row(waiting) != (True,):
                assert build.poll() is None, build.stdout.read()
                time.sleep(0.05)
            build.kill()
            build.wait()

        assert copy.tables()["profiles.contact_profiles"] == before
        copy.dbt("run", "--select", *MODELS)
        assert copy.rows("select distinct plan from profiles.contact_profiles") == [("enterprise",)]


def test_a_model_that_fails_leaves_the_last_good_tables_and_what_follows_is_not_run(cluster, live, tmp_path):
    with cluster.database(template=urlsplit(live.url).path.strip("/")) as url:
        copy = Built(url, tmp_path / "target")
        before = copy.tables()
        with psycopg.connect(url) as db:
            db.execute("alter table raw_crm.customers rename column plan to tariff")
            db.execute("update raw_crm.orders set status = 'cancelled', _extracted_at = now()")

        with pytest.raises(DbtFailed, match="plan"):
            copy.dbt("run", "--select", "stg_crm__customers+")

        after = copy.tables()
        for table in ("core.contacts", "profiles.contact_profiles"):
            assert after[table] == before[table]


def test_every_public_column_is_described(manifest, built):
    columns = built.rows(
        f"select table_schema, table_name, column_name from information_schema.columns where table_schema in {PUBLIC}"
    )
    described = {
        (node["schema"], node["name"], name)
        for node in manifest["nodes"].values()
        for name, column in node.get("columns", {}).items()
        if column["description"]
    }

    assert set(columns) - described == set()
    assert [source["name"] for source in manifest["sources"].values() if not source["description"]] == []


def test_public_tables_have_enforced_contracts(manifest):
    loose = [
        node["name"]
        for node in models(manifest, "core", "profiles", "marts")
        if not node["config"]["contract"]["enforced"]
    ]

    assert loose == []


def test_people_events_and_segments_never_depend_on_what_is_made_of_them(manifest):
    for node in models(manifest):
        upstream = [manifest["nodes"].get(name) or manifest["sources"][name] for name in node["depends_on"]["nodes"]]
        assert len({"model", "measures"} & set(node["tags"])) == 1, node["name"]
        if "model" in node["tags"]:
            made_of = {parent.get("source_name") for parent in upstream} | {
                tag for parent in upstream for tag in parent["tags"]
            }
            assert not made_of & {"activation", "measures"}, node["name"]


def test_what_segments_take_for_tidy_is_what_the_model_is_tested_for(manifest):
    of_profiles = [
        node
        for node in manifest["nodes"].values()
        if node.get("test_metadata") and node["attached_node"] == "model.engage.contact_profiles"
    ]
    (tidy,) = [node["test_metadata"]["kwargs"] for node in of_profiles if node["test_metadata"]["name"] == "tidy"]
    words = {
        node["column_name"]
        for node in of_profiles
        if node["test_metadata"]["name"] == "accepted_values"
        and all(value == value.lower().strip() != "" for value in node["test_metadata"]["kwargs"]["values"])
    }

    assert set(tidy["trimmed"]) == catalogue.TRIMMED
    assert set(tidy["folded"]) | words & catalogue.FOLDED == catalogue.FOLDED


def test_every_segment_is_one_a_marketer_can_read_and_tests_can_trust(manifest):
    segments = models(manifest, "segments")
    tests = {
        (node["attached_node"], node["test_metadata"]["name"])
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and node.get("test_metadata")
    }

    assert len(segments) >= 8
    for node in segments:
        parents = {name.rsplit(".", 1)[-1] for name in node["depends_on"]["nodes"]}
        assert {"title", "owner", "refresh"} <= node["config"]["meta"]["segment"].keys(), node["name"]
        assert node["description"].endswith("."), node["name"]
        assert node["config"]["materialized"] == "view", node["name"]
        assert parents <= {"contact_profiles", "events"}, node["name"]
        assert {(node["unique_id"], test) for test in ("unique", "not_null", "are_contacts")} <= tests, node["name"]
