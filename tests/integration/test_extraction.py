"""Extraction: what the CRM holds is what the mirror holds, whatever the values, and however often it is run."""

from __future__ import annotations

import threading
from datetime import timedelta

import psycopg
import pytest

from engage_db.connection import connect
from orchestration.extraction import reconcile
from orchestration.extraction.mirror import CrmTableProblem, drop_mirror
from orchestration.extraction.reconcile import extract, reconcile_table
from orchestration.extraction.registry import CrmTable, RegistryError, crm_tables, parse
from orchestration.extraction.sync import SyncFailed, sync_table

ORDERS = CrmTable(name="orders", description="", key=("id",), changed_at="updated_at", lookback=timedelta(minutes=10))


@pytest.fixture
def writer(crm_database):
    """The CRM's own application."""
    with psycopg.connect(crm_database, autocommit=True, options="-c timezone=UTC") as db:
        db.execute(
            "create table orders (id int primary key, note text, total numeric(12,2), updated_at timestamptz default now())"
        )
        yield db


@pytest.fixture
def crm(crm_database, writer):
    """Our own, read-only view of it."""
    with connect(crm_database, setting="CRM_DATABASE_URL", default_transaction_read_only="on") as db:
        yield db


def mirror(engage_db, columns="id, note"):
    rows = engage_db.execute(f"select {columns} from raw_crm.orders where _deleted_at is null order by id").fetchall()
    engage_db.commit()
    return rows


def add(writer, *ids, note="new"):
    for number in ids:
        writer.execute("insert into orders (id, note, total) values (%s, %s, 10)", [number, note])


def test_the_first_sync_loads_all_and_the_second_reads_only_the_overlap(writer, crm, engage_db):
    writer.execute("insert into orders select g, 'old', g, now() - interval '1 day' * g from generate_series(1, 100) g")

    first = sync_table(crm, engage_db, ORDERS)
    add(writer, 101)
    second = sync_table(crm, engage_db, ORDERS)

    assert (first.read, first.inserted) == (100, 100)
    assert (second.inserted, second.updated) == (1, 0)
    assert second.read < 5
    assert len(mirror(engage_db)) == 101


def test_people_whose_rows_changed_or_went_are_told_to_live_segments_and_nobody_else(writer, crm, engage_db):
    writer.execute("alter table orders add column customer_id int")
    writer.execute("insert into orders (id, note, customer_id) select g, 'old', 100 + g from generate_series(1, 30) g")
    table = ORDERS.model_copy(update={"contact": "customer_id"})
    extract(crm, engage_db, table)
    engage_db.execute(
        "insert into engage.segments (key, kind, title, description, definition, refresh, created_at) values ('x', 'rules', 'x', '', '{}', 'live', now())"
    )
    engage_db.commit()

    writer.execute("update orders set note = 'new', updated_at = now() where id = 7")
    writer.execute("insert into orders (id, note, customer_id) values (31, 'new', 200)")
    writer.execute("delete from orders where id = 9")
    extract(crm, engage_db, table)

    told = engage_db.execute("select contact_id from engage.live_changes order by 1").fetchall()
    assert told == [(107,), (109,), (200,)]


def test_an_unchanged_crm_writes_nothing(writer, crm, engage_db):
    add(writer, 1, 2)
    sync_table(crm, engage_db, ORDERS)
    before = mirror(engage_db, "id, _extracted_at, xmin")

    report = sync_table(crm, engage_db, ORDERS)

    assert (report.read, report.inserted, report.updated) == (2, 0, 0)
    assert mirror(engage_db, "id, _extracted_at, xmin") == before


def test_edits_are_taken_over_and_counted(writer, crm, engage_db):
    add(writer, 1, 2)
    sync_table(crm, engage_db, ORDERS)
    writer.execute("update orders set note = 'edited', updated_at = now() where id = 2")

    report = sync_table(crm, engage_db, ORDERS)

    assert (report.inserted, report.updated) == (0, 1)
    assert mirror(engage_db) == [(1, "new"), (2, "edited")]


def test_rows_committed_a_little_late_are_still_found(writer, crm, engage_db):
    add(writer, 1)
    sync_table(crm, engage_db, ORDERS)
    writer.execute("insert into orders values (2, 'late', 1, now() - interval '5 minutes')")

    assert sync_table(crm, engage_db, ORDERS).inserted == 1


def test_rows_without_a_change_time_are_read_each_time_and_counted(writer, crm, engage_db):
    add(writer, 1)
    writer.execute("insert into orders values (2, 'no time', 1, null)")
    first = sync_table(crm, engage_db, ORDERS)
    writer.execute("update orders set note = 'edited' where id = 2")

    report = sync_table(crm, engage_db, ORDERS)

    assert first.without_cursor == 1
    assert mirror(engage_db) == [(1, "new"), (2, "edited")]
    assert report.updated == 1


def test_a_change_time_in_the_future_does_not_hide_later_rows(writer, crm, engage_db):
    add(writer, 1)
    writer.execute(
        "insert into orders values (2, 'clock wrong', 1, now() + interval '10 years'), (3, 'inf', 1, 'infinity')"
    )
    sync_table(crm, engage_db, ORDERS)
    add(writer, 4)

    assert sync_table(crm, engage_db, ORDERS).inserted == 1


def test_every_value_arrives_as_it_was(writer, crm, engage_db):
    writer.execute("create type mood as enum ('glad', 'sad')")
    writer.execute(
        """
        create table odd (id int primary key, at timestamptz, day date, span interval, n numeric, f float8, t text, raw bytea,
            j json, jb jsonb, tags text[], mood mood, moods mood[], amount numeric(12, 2), updated_at timestamptz default now());
        insert into odd values
            (1, 'infinity', '-infinity', '1 mon -3 days 04:05:06.789', 'NaN', 'Infinity', E'tab\\t newline\\n \\\\N end', '\\x00ff',
             '{"b": 1, "a": 1, "a": 2}', '{"x": null}', '{"a,b", NULL, "\\"q\\""}', 'glad', '{sad,glad}', 1.10),
            (2, '0044-03-15 BC', '4713-01-01 BC', '-1 day', 12345678901234567890.123456789, '-0', '👩‍👩‍👧 עברית', null,
             'null', 'null', '{}', null, null, null),
            (3, null, null, null, null, null, '', '', '""', '""', null, 'sad', '{}', 0)
        """
    )
    writer.execute("insert into odd (id, t) values (4, repeat('x', 1000000))")
    table = CrmTable(name="odd", description="", key=("id",), changed_at="updated_at")
    sync_table(crm, engage_db, table)
    writer.execute("update odd set j = '{\"a\": 1}', updated_at = now() where id = 1")
    again = sync_table(crm, engage_db, table)

    columns = "id, at::text, day::text, span::text, n::text, f::text, t, raw, j::text, jb::text, tags::text, mood::text, moods::text"
    expected = writer.execute(f"select {columns} from odd order by id").fetchall()
    assert again.updated == 1
    assert engage_db.execute(f"select {columns} from raw_crm.odd order by id").fetchall() == expected


def test_a_column_added_in_the_crm_appears_and_a_dropped_one_keeps_its_values(writer, crm, engage_db):
    add(writer, 1)
    sync_table(crm, engage_db, ORDERS)
    writer.execute("update orders set updated_at = now() - interval '1 month'")
    sync_table(crm, engage_db, ORDERS)
    add(writer, 2)
    sync_table(crm, engage_db, ORDERS)
    writer.execute("alter table orders add column priority int default 3; alter table orders drop column total")

    sync_table(crm, engage_db, ORDERS)

    assert mirror(engage_db, "id, priority, total") == [(1, 3, 10), (2, 3, 10)]


def test_a_changed_type_is_refused_with_its_name_and_reload_mends_it(writer, crm, engage_db):
    add(writer, 1)
    sync_table(crm, engage_db, ORDERS)
    writer.execute("alter table orders alter column note type int using 7")

    with pytest.raises(CrmTableProblem, match=r"orders\.note from text to integer.*engage crm reload orders"):
        sync_table(crm, engage_db, ORDERS)
    drop_mirror(engage_db, ORDERS)
    engage_db.commit()
    sync_table(crm, engage_db, ORDERS)

    assert mirror(engage_db) == [(1, 7)]


def test_a_missing_table_or_column_says_what_where_and_how(crm, engage_db):
    with pytest.raises(CrmTableProblem, match=r"no table public\.nope, which crm_tables\.yaml"):
        sync_table(crm, engage_db, CrmTable(name="nope", description="", key=("id",), changed_at="updated_at"))
    with pytest.raises(CrmTableProblem, match="no column changed, which crm_tables.yaml names as `changed_at`"):
        sync_table(crm, engage_db, CrmTable(name="orders", description="", key=("id",), changed_at="changed"))

    problems = engage_db.execute(
        "select table_name, status, problem is not null from engage.sync_runs order by 1"
    ).fetchall()
    assert problems == [("nope", "failed", True), ("orders", "failed", True)]


def test_a_failed_sync_leaves_mirror_and_checkpoint_as_they_were(writer, crm, engage_db):
    add(writer, 1)
    sync_table(crm, engage_db, ORDERS)
    before = engage_db.execute("select cursor_value, synced_at from engage.sync_checkpoints").fetchall()
    engage_db.execute("alter table raw_crm.orders add constraint short check (length(note) < 10)")
    engage_db.commit()
    add(writer, 2)
    add(writer, 3, note="much longer than ten")

    with pytest.raises(SyncFailed, match="orders failed.*short"):
        sync_table(crm, engage_db, ORDERS)

    assert mirror(engage_db) == [(1, "new")]
    assert engage_db.execute("select cursor_value, synced_at from engage.sync_checkpoints").fetchall() == before


def test_rows_deleted_in_the_crm_are_marked_and_come_back_when_they_do(writer, crm, engage_db):
    add(writer, 1, 2, 3)
    extract(crm, engage_db, ORDERS)
    writer.execute("delete from orders where id = 2")

    report = extract(crm, engage_db, ORDERS)
    add(writer, 2, note="again")
    back = extract(crm, engage_db, ORDERS)

    assert report.deleted == 1
    assert (back.updated, back.revived) == (1, 1)
    rows = "select max(rows_inserted) from engage.sync_runs where started_at > (select max(started_at) from engage.sync_runs where rows_deleted = 1)"
    assert engage_db.execute(rows).fetchone() == (1,), "segments look there for whoever is new"
    assert mirror(engage_db) == [(1, "new"), (2, "again"), (3, "new")]
    assert engage_db.execute("select rows_total from engage.sync_checkpoints").fetchone() == (3,)


@pytest.mark.parametrize("by_key", [10_000, 1], ids=["by their keys", "with the whole table, being many"])
def test_rows_that_come_with_an_old_time_of_change_are_found(writer, crm, engage_db, monkeypatch, by_key):
    """Put back from a backup, given another key, imported, or committed long after they were written."""
    monkeypatch.setattr(reconcile, "MOST_LACKING", by_key)
    add(writer, 1, 2, 3)
    writer.execute("update orders set updated_at = now() - interval '1 month' where id <> 3")
    extract(crm, engage_db, ORDERS)
    writer.execute("delete from orders where id = 1")
    extract(crm, engage_db, ORDERS)

    writer.execute("insert into orders values (1, 'put back', 10, now() - interval '1 month')")
    writer.execute("insert into orders values (4, 'imported', 10, now() - interval '1 year')")
    writer.execute("update orders set id = 900 where id = 2")
    found = extract(crm, engage_db, ORDERS)

    assert mirror(engage_db) == [(1, "put back"), (3, "new"), (4, "imported"), (900, "new")]
    assert (found.inserted, found.revived, found.deleted) == (2, 1, 1)
    assert engage_db.execute("select rows_total from engage.sync_checkpoints").fetchone() == (4,)
    unchanged = extract(crm, engage_db, ORDERS)
    assert (unchanged.inserted, unchanged.updated, unchanged.deleted) == (0, 0, 0)


def test_rows_with_a_key_of_several_columns_are_found_by_it(writer, crm, engage_db):
    writer.execute(
        "create table lines (order_id int, line text, updated_at timestamptz default now(), primary key (order_id, line))"
    )
    table = ORDERS.model_copy(update={"name": "lines", "source": "public.lines", "key": ("order_id", "line")})
    writer.execute("insert into lines values (1, 'a')")
    extract(crm, engage_db, table)
    writer.execute(
        "insert into lines values (1, 'it''s b', now() - interval '1 month'), (2, 'a', now() - interval '1 month')"
    )

    assert extract(crm, engage_db, table).inserted == 2
    rows = engage_db.execute("select order_id, line from raw_crm.lines order by 1, 2").fetchall()
    assert rows == [(1, "a"), (1, "it's b"), (2, "a")]


def test_a_table_that_lost_most_of_its_rows_is_not_believed(writer, crm, engage_db):
    add(writer, *range(100))
    sync_table(crm, engage_db, ORDERS)
    writer.execute("delete from orders where id >= 10")

    with pytest.raises(SyncFailed, match="90 of 100 rows"):
        reconcile_table(crm, engage_db, ORDERS)

    assert len(mirror(engage_db)) == 100


def test_two_syncs_at_once_give_what_one_gives(writer, crm_database, engage_url):
    add(writer, *range(50))
    problems = []

    def one():
        try:
            with connect(crm_database, setting="X") as crm, connect(engage_url, setting="X") as engage:
                sync_table(crm, engage, ORDERS)
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with psycopg.connect(engage_url) as engage:
        assert problems == []
        assert len(mirror(engage)) == 50
        statuses = engage.execute("select status, count(*) from engage.sync_runs group by 1").fetchall()
        assert statuses == [("succeeded", 4)]


def test_nothing_can_be_written_through_our_crm_connection(crm):
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        crm.execute("delete from orders")


def test_the_registry_names_seven_tables():
    assert [table.name for table in crm_tables()] == [
        "customers", "products", "orders", "order_items", "calls", "whatsapp_messages", "deals",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- name: orders", "table orders: .*key: Field required"),
        (
            "- {name: orders, description: x, key: [id], changed_at: u, lookback: soon}",
            "lookback: .*10 minutes",
        ),
        ("- {name: orders, description: x, key: [id], changed_at: u, colums: [a]}", "colums: Extra inputs"),
        ("orders: 1", "must be a list of tables"),
        (
            "- {name: a, description: x, key: [id], changed_at: u}\n- {name: a, description: x, key: [id], changed_at: u}",
            "twice",
        ),
    ],
)
def test_a_wrong_registry_entry_is_named(text, words):
    with pytest.raises(RegistryError, match=words):
        parse(text)
