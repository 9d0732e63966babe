"""The kinds that other people write: SQL, functions and lists. What is good gives members, what is bad changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import EntryPoint

import psycopg
import pytest

from activation.errors import Refused
from activation.segments import commands, lists, preview, refresh
from activation.segments.kinds import python_function
from activation.segments.kinds.contract import MembersUnavailable
from activation.segments.kinds.read_only import reader, reader_url, role_of
from activation.segments.kinds.sql_query import check_select, read_members
from activation.segments.problems import DefinitionRefused
from engage_db.settings import PROJECT_ROOT, load_settings
from tests.factories import engage as factory
from tests.support import segment_functions

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def db(engage_url, settings_for):
    settings_for.setenv("ENGAGE_DATABASE_URL", engage_url)
    settings_for.setenv("SEGMENT_SQL_TIMEOUT_SECONDS", "2")
    settings_for.setenv("SEGMENT_FUNCTION_TIMEOUT_SECONDS", "2")
    settings_for.setenv("PYTHONPATH", str(PROJECT_ROOT))
    load_settings.cache_clear()
    with psycopg.connect(engage_url, autocommit=True, options="-c timezone=UTC") as connection:
        factory.build(connection)
        for number in range(1, 8):
            factory.add_contact(connection, number, plan="pro" if number <= 4 else "free")
        yield connection


def create(db, kind, definition, key="mine"):
    commands.create(db, key, kind=kind, title=key, definition=definition, actor="ada", now=AT)
    return refresh.refresh(db, key, now=AT)


def members(db, key="mine"):
    return [row["contact_id"] for row in commands.members(db, key)]


def fingerprint(db):
    """Everything that an attack could change."""
    return [
        db.execute(query).fetchall()
        for query in (
            "select count(*), sum(contact_id) from core.contacts",
            "select count(*) from core.events",
            "select count(*) from engage.suppressions",
            "select relname from pg_class where relnamespace = 'public'::regnamespace order by 1",
            "select count(*) from pg_locks where locktype = 'advisory'",
        )
    ]


# -- sql


def test_an_sql_segment_has_whom_its_select_returns(db):
    report = create(
        db, "sql", {"sql": "select contact_id from profiles.contact_profiles where plan = 'pro' -- the paying ones"}
    )

    assert (report.problem, report.entered) == (None, 4)
    assert members(db) == [1, 2, 3, 4]


def test_ids_that_are_no_contacts_and_null_are_left_out(db):
    create(
        db,
        "sql",
        {
            "sql": "select v.contact_id from (select 1 as contact_id union all select 1 union all select null union all select 777) v"
        },
    )

    assert members(db) == [1]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("delete from core.contacts", "one SELECT"),
        ("select contact_id from core.contacts; drop table core.contacts", "one SELECT"),
        ("select 1 as contact_id; select 2 as contact_id", "one SELECT"),
        ("with gone as (delete from core.contacts returning contact_id) select contact_id from gone", "only read"),
        ("select contact_id into core.copy from core.contacts", "only read"),
        ("select contact_id from core.contacts for update", "only read"),
        ("copy core.contacts to program 'touch /tmp/owned'", "one SELECT"),
        ("select pg_sleep(60)::text::bigint as contact_id", "pg_sleep"),
        ("select contact_id from core.contacts where pg_read_file('/etc/passwd') is not null", "pg_read_file"),
        ("select contact_id from dblink('host=x', 'select 1') as t (contact_id bigint)", "dblink"),
        ("select set_config('statement_timeout', '0', false)::bigint as contact_id", "set_config"),
        ("select pg_advisory_lock(1)::text::bigint as contact_id", "pg_advisory_lock"),
        ("select pg_notify('engage_live', '')::text::bigint as contact_id", "pg_notify"),
        ("select pg_terminate_backend(pid)::int as contact_id from pg_stat_activity", "pg_terminate_backend"),
        ("select pg_catalog.pg_sleep(1)::text::bigint as contact_id", "pg_sleep"),
        ("select segment_id as contact_id from engage.segments", "may not read engage.segments"),
        ("select contact_id from contacts", "schema.table"),
        ("select contact_id from core.contacts where contact_id = $1", "stands for a value"),
        ("select email from core.contacts", "column contact_id"),
        ("select contact_id from core.contacts where (", "can be read"),
        ("create temp table t as select 1 as contact_id", "one SELECT"),
        ("", "missing"),
    ],
)
def test_what_is_no_harmless_select_is_refused_before_it_runs(db, statement, words):
    before = fingerprint(db)

    with pytest.raises(DefinitionRefused, match=words):
        create(db, "sql", {"sql": statement})
    with pytest.raises(DefinitionRefused, match=words):
        preview.preview(db, "sql", {"sql": statement}, at=AT)

    assert fingerprint(db) == before


@pytest.mark.parametrize(
    "statement",
    [
        "delete from core.contacts",
        "select segment_id from engage.segments",
        "select * from raw_crm.customers",
        "select * from landing.events",
        "create temp table t as select 1",
        "copy core.contacts to program 'true'",
        "select pg_read_file('/etc/passwd')",
        "select lo_create(0)",
        "set role none; delete from core.contacts",
        "reset session authorization; delete from core.contacts",
        "begin read write; delete from core.contacts",
        "set default_transaction_read_only = off; delete from core.contacts",
        "select pg_terminate_backend(pid) from pg_stat_activity where usename <> current_user and pid <> pg_backend_pid() limit 1",
    ],
)
def test_the_role_itself_can_do_nothing_but_read_even_if_the_parser_were_fooled(db, statement):
    before = fingerprint(db)
    with psycopg.connect(reader_url(db), autocommit=True) as attacker, pytest.raises(psycopg.Error):
        attacker.execute(statement)
        pytest.fail("the server let it through")
    assert fingerprint(db) == before


def test_a_statement_that_takes_too_long_is_stopped_and_the_last_good_membership_stands(db):
    create(db, "sql", {"sql": "select contact_id from profiles.contact_profiles where plan = 'pro'"})
    db.execute(
        "insert into core.events (contact_id, event_name, occurred_at) select 1, 'x', now() from generate_series(1, 3000)"
    )
    cross = "select a.contact_id from core.events a cross join core.events b cross join core.events c where a.properties is distinct from b.properties or c.value > 1"
    commands.update(db, "mine", definition={"sql": cross}, actor="ada", now=AT)

    report = refresh.refresh(db, "mine", now=AT)

    assert "longer than 2 seconds" in report.problem
    assert members(db) == [1, 2, 3, 4]


def test_a_timeout_that_the_statement_switched_off_is_kept_by_the_watchdog(db, monkeypatch):
    """Were set_config let through, the statement would still end, and nobody would see the setting after it."""
    monkeypatch.setattr("activation.segments.kinds.sql_query.check_select", lambda _statement: [])
    with db.transaction(), pytest.raises(MembersUnavailable, match="longer than 2 seconds"):
        read_members(
            db, "select length(set_config('statement_timeout', '0', false)) + pg_sleep(30)::text::int as contact_id"
        )
    with reader(db, seconds=2) as fresh:
        assert fresh.execute("show statement_timeout").fetchone() == ("2s",)


def test_two_statements_are_refused_by_the_protocol_too(db, monkeypatch):
    monkeypatch.setattr("activation.segments.kinds.sql_query.check_select", lambda _statement: [])
    with db.transaction(), pytest.raises(MembersUnavailable, match="multiple commands"):
        read_members(db, "select 1 as contact_id) as written; select contact_id from (select 2 as contact_id")


def test_more_rows_than_the_limit_are_cut(db, settings_for):
    settings_for.setenv("SEGMENT_SQL_ROW_LIMIT", "5")
    load_settings.cache_clear()

    report = create(db, "sql", {"sql": "select contact_id from core.contacts"})

    assert "more than 5 rows" in report.problem
    assert members(db) == []


def test_the_role_reads_tables_that_dbt_builds_later(db):
    reader_url(db)
    db.execute("create schema marts; create table marts.scores as select 2::bigint as contact_id")

    create(db, "sql", {"sql": "select contact_id from marts.scores"})

    assert members(db) == [2]


def test_an_installation_that_may_not_create_roles_is_told_what_to_set(db, engage_url):
    db.execute("drop role if exists modest; create role modest login password 'm'")
    db.execute(
        "grant all on all tables in schema engage, core, profiles to modest; grant usage on schema engage, core, profiles to modest"
    )
    with (
        psycopg.connect(engage_url, user="modest", password="m", autocommit=True) as modest,
        pytest.raises(MembersUnavailable, match="SEGMENT_SQL_DATABASE_URL"),
    ):
        reader_url(modest)


def test_each_database_has_a_role_of_its_own():
    assert role_of("a") != role_of("b")


def test_a_plain_window_over_events_is_allowed():
    assert (
        check_select(
            "with recent as (select contact_id, row_number() over (partition by contact_id order by occurred_at desc) as place, properties "
            "from core.events where event_name = 'order_created' and occurred_at > now() - interval '30 days') "
            "select contact_id from recent where place = 1 and properties ->> 'status' in ('paid', 'shipped')"
        )
        == []
    )


# -- functions


@pytest.fixture
def functions(monkeypatch):
    registered = {
        name: EntryPoint(name, f"{segment_functions.__name__}:{name}", python_function.GROUP)
        for name in dir(segment_functions)
        if callable(getattr(segment_functions, name)) and not name.startswith("_")
    }
    monkeypatch.setattr(python_function, "functions", lambda: registered)


def test_a_function_gives_ids_or_a_select(db, functions):
    create(db, "function", {"function": "first_ids", "arguments": {"count": 2}}, key="ids")
    create(db, "function", {"function": "as_sql", "arguments": {"plan": "free"}}, key="query")

    assert members(db, "ids") == [1, 2]
    assert members(db, "query") == [5, 6, 7]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("raises", "raised RuntimeError: the warehouse is closed"),
        ("loops", "longer than 2 seconds"),
        ("loops_and_catches", "longer than 2 seconds"),
        ("loops_with_a_child", "longer than 2 seconds"),
        ("ten_million", "more than 5,000,000"),
        ("greedy", "needs more than 2048 MB"),
        ("words", "'ada', which is no contact id"),
        ("writes", "permission denied|read-only"),
        ("unlocks_itself", "permission denied"),
        ("writing_sql", "only read"),
        ("dies", "ended with 3"),
    ],
)
def test_a_bad_function_is_cut_and_the_last_good_membership_stands(db, functions, settings_for, name, words):
    if not name.startswith("loops"):  # those meet another limit first, however busy the machine is
        settings_for.setenv("SEGMENT_FUNCTION_TIMEOUT_SECONDS", "60")
        load_settings.cache_clear()
    before = fingerprint(db)
    create(db, "function", {"function": "first_ids"})
    commands.update(db, "mine", definition={"function": name}, actor="ada", now=AT)

    report = refresh.refresh(db, "mine", now=AT)

    assert report.problem
    assert pytest.importorskip("re").search(words, report.problem), report.problem
    assert members(db) == [1, 2, 3]
    assert commands.show(db, "mine").problem == report.problem
    assert fingerprint(db) == before


def test_ids_of_strangers_are_left_out(db, functions):
    create(db, "function", {"function": "strangers"})

    assert members(db) == [1, 2]


def test_what_a_function_and_its_programs_print_is_no_answer(db, functions):
    create(db, "function", {"function": "talks"})

    assert members(db) == [1, 2]


@pytest.mark.parametrize("printed", ["hello", "7"])
def test_an_answer_that_cannot_be_read_is_told_and_the_last_good_membership_stands(
    db, functions, settings_for, tmp_path, printed
):
    create(db, "function", {"function": "first_ids"})
    (tmp_path / "sitecustomize.py").write_text(f"print({printed!r})")  # runs before our code does
    settings_for.setenv("PYTHONPATH", f"{tmp_path}:{PROJECT_ROOT}")

    report = refresh.refresh(db, "mine", now=AT)

    assert f"printed '{printed}' first" in report.problem
    assert members(db) == [1, 2, 3]


def test_a_function_whose_package_is_gone_is_told_and_other_segments_are_refreshed(db, functions, monkeypatch):
    create(db, "function", {"function": "first_ids"}, key="a_function")
    commands.create(
        db, "pros", kind="sql", title="Pros", definition={"sql": "select 1 as contact_id"}, actor="ada", now=AT
    )
    monkeypatch.setattr(python_function, "functions", dict)

    gone, pros = refresh.refresh_all(db, now=AT)

    assert gone.problem.startswith("the function first_ids is not installed here")
    assert members(db, "a_function") == [1, 2, 3]
    assert (pros.problem, members(db, "pros")) == (None, [1])


def test_an_unknown_function_is_refused_with_those_there_are(db, functions):
    with pytest.raises(DefinitionRefused, match="there are as_sql"):
        create(db, "function", {"function": "nothing"})


# -- lists


def upload(db, content, **options):
    return lists.upload(db, "mine", lists.read_csv(content), actor="ada", now=AT, **options)


@pytest.mark.parametrize(
    "content",
    [
        b"contact_id\n1\n2\n",
        '﻿Contact ID;note\r\n1;"two\r\nlines"\r\n2;x\r\n'.encode(),
        "name\temail\nx\tC1@mail.test.dev \ny\tc2@mail.test.dev".encode("utf-16"),
        b"\n".join([b"contact_id,x", b"1,", b"", b"2,a", b"2,again"]),
    ],
    ids=["plain", "bom and semicolons", "utf-16 tabs and addresses", "blank lines and doubles"],
)
def test_a_list_is_read_however_a_spreadsheet_wrote_it(db, content):
    create(db, "manual", {})

    report = upload(db, content)

    assert (report.added, report.problems) == (2, [])
    assert refresh.refresh(db, "mine", now=AT).entered == 2
    assert members(db) == [1, 2]


def test_rows_that_name_nobody_are_reported_by_line_and_the_others_go_through(db):
    create(db, "manual", {})
    factory.add_contact(db, 8, "c1@mail.test.dev")

    report = upload(db, b"email\nc2@mail.test.dev\nnobody@mail.test.dev\n\nc1@mail.test.dev\n")

    assert (report.rows, report.added) == (3, 1)
    assert [(problem.line, problem.message) for problem in report.problems] == [
        (3, "is no contact"),
        (5, "is the address of 2 contacts: name the contact by contact_id"),
    ]


def test_the_same_file_again_adds_nothing_and_replace_and_remove_do_what_they_say(db):
    create(db, "manual", {})
    upload(db, b"contact_id\n1\n2\n3")

    again = upload(db, b"contact_id\n1\n2\n3")
    replaced = upload(db, b"contact_id\n3\n4", mode="replace")
    removed = upload(db, b"contact_id\n4", mode="remove")

    assert (again.added, again.already) == (0, 3)
    assert (replaced.added, replaced.removed, replaced.already) == (1, 2, 1)
    assert removed.removed == 1
    refresh.refresh(db, "mine", now=AT)
    assert members(db) == [3]


@pytest.mark.parametrize("content", [b"name\nada", b"", b"\xff\xfe\x00", b"email\n\xc3\x28"])
def test_a_file_without_a_column_of_contacts_or_in_no_encoding_is_refused(content):
    with pytest.raises(Refused):
        lists.read_csv(content)


def test_only_manual_segments_take_lists(db):
    create(db, "sql", {"sql": "select contact_id from core.contacts"})
    with pytest.raises(Refused, match="only manual ones"):
        upload(db, b"contact_id\n1")
