"""Live membership: the same people as a full refresh finds, taken from what landed, and nothing lost when killed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from activation.segments import commands, live, refresh
from tests.factories import engage as factory
from tests.integration.test_rule_compiler import catalogue_of
from tests.support import rule_worlds
from tests.support.rule_oracle import Oracle

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PRO = {"version": 1, "where": {"type": "attribute", "attribute": "plan", "operator": "equals", "value": "pro"}}


@pytest.fixture(scope="module")
def worlds(cluster):
    with cluster.migrated_database() as url, psycopg.connect(url, autocommit=True, options="-c timezone=UTC") as db:
        db.execute(rule_worlds.SCHEMA)
        db.execute("set session_replication_role = replica")
        factory.pass_data_tests(db)
        yield db


@pytest.mark.parametrize("seed", range(40))
def test_live_evaluation_of_changed_people_agrees_with_evaluating_everybody(worlds, seed):
    rng = random.Random(1000 + seed)
    world = rule_worlds.random_world(rng, AT)
    rule_worlds.load(worlds, world)
    world.message_events = []
    worlds.execute(
        "truncate engage.segments, engage.segment_members, engage.segment_past_stays, engage.segment_sizes, engage.message_events cascade"
    )
    names = catalogue_of(world)
    trees = {f"s{number}": rule_worlds.random_tree(rng, AT) for number in range(12)}
    for key, number in (*rule_worlds.SEGMENTS.items(), *rule_worlds.LISTS.items()):
        worlds.execute(
            "insert into engage.segments (segment_id, key, kind, title, description, definition, created_at) overriding system value values (%s, %s, 'manual', 'x', '', '{}', now())",
            [number, key],
        )
    for key, tree in trees.items():
        worlds.execute(
            "insert into engage.segments (segment_id, key, kind, title, description, definition, refresh, evaluated_version, created_at) "
            "values (%s, %s, 'rules', 'x', '', %s, 'live', 1, now())",
            [100 + int(key[1:]), key, psycopg.types.json.Jsonb(tree)],
        )
    changed = [contact["contact_id"] for contact in world.contacts] + [999_999]
    # stale membership that live evaluation must put right
    stale_members = {key: rng.sample(changed, 4) for key in trees}
    for key, stale in stale_members.items():
        worlds.cursor().executemany(
            "insert into engage.segment_members (segment_id, contact_id, entered_at) values (%s, %s, %s)",
            [(100 + int(key[1:]), each, AT) for each in stale],
        )
    for key, number in rule_worlds.SEGMENTS.items():
        worlds.cursor().executemany(
            "insert into engage.segment_members values (%s, %s, now())", [(number, each) for each in world.members[key]]
        )

    for key, number in rule_worlds.LISTS.items():
        worlds.cursor().executemany(
            "insert into engage.segment_list_entries values (%s, %s, now(), 'test')",
            [(number, each) for each in world.lists[key]],
        )

    statements = live.Statements()
    for now in (AT - timedelta(minutes=40), AT):  # the second time with the statements of the first
        worlds.cursor().executemany(
            "insert into engage.live_changes (contact_id, landed_at) values (%s, %s)", [(each, now) for each in changed]
        )
        assert live.evaluate_changes(worlds, names, now=now, statements=statements).problems == {}

    oracle, earlier = Oracle(world, AT), Oracle(world, AT - timedelta(minutes=40))
    for key, tree in trees.items():
        found = {
            row[0]
            for row in worlds.execute(
                "select contact_id from engage.segment_members where segment_id = %s", [100 + int(key[1:])]
            ).fetchall()
        }
        assert found == oracle.members(tree), tree
        over = worlds.execute(
            "select contact_id from engage.segment_membership_history where segment_id = %s and exited_at is not null",
            [100 + int(key[1:])],
        ).fetchall()
        first = earlier.members(tree)
        assert {row[0] for row in over} == (set(stale_members[key]) - first) | (first - found)


@pytest.fixture
def db(engage_url, settings_for):
    with psycopg.connect(engage_url, autocommit=True, options="-c timezone=UTC") as connection:
        factory.build(connection)
        for number in range(1, 6):
            factory.add_contact(connection, number, plan="pro" if number <= 2 else "free")
        commands.create(
            connection, "pros", kind="rules", title="Pros", definition=PRO, refresh="live", actor="ada", now=AT
        )
        refresh.refresh(connection, "pros", now=AT)
        yield connection


def members(db, key="pros"):
    return [row["contact_id"] for row in commands.members(db, key)]


def land(db, *contacts):
    db.cursor().executemany(
        "insert into engage.live_changes (contact_id, landed_at) values (%s, %s)", [(each, AT) for each in contacts]
    )


def test_only_people_of_whom_something_landed_are_looked_at(db):
    db.execute("update profiles.contact_profiles set plan = 'pro' where contact_id in (3, 4)")
    land(db, 3)

    report = live.evaluate_changes(db, commands.names(db), now=AT)

    assert (report.contacts, report.entered, report.exited) == (1, 1, 0)
    assert members(db) == [1, 2, 3]
    assert commands.show(db, "pros").size == 3


def test_a_segment_that_refers_to_another_sees_it_as_it_is_after_the_round(db):
    db.execute("update profiles.contact_profiles set city = 'Rome' where contact_id = 3")
    tree = {"version": 1, "where": {"type": "and", "conditions": [
        {"type": "segment", "segment": "pros"}, {"type": "attribute", "attribute": "city", "operator": "equals", "value": "rome"}]}}  # fmt: skip
    commands.create(
        db, "a_roman_pros", kind="rules", title="Roman pros", definition=tree, refresh="live", actor="ada", now=AT
    )
    refresh.refresh(db, "a_roman_pros", now=AT)
    db.execute("update profiles.contact_profiles set plan = 'Pro' where contact_id = 3")
    land(db, 3)

    live.evaluate_changes(db, commands.names(db), now=AT)

    assert members(db, "a_roman_pros") == [3]


def test_a_refresh_on_built_data_does_not_undo_what_live_evaluation_saw_in_newer_rows(db):
    db.execute("drop view live.live_contact_profiles")
    db.execute(
        "create view live.live_contact_profiles as select profile.* from profiles.contact_profiles profile where contact_id <> 1"
    )
    land(db, 1)
    live.evaluate_changes(db, commands.names(db), now=AT)
    assert members(db) == [2]

    refresh.refresh(db, "pros", now=AT + timedelta(minutes=1))
    assert members(db) == [2]

    live.settle(db, before=AT + timedelta(minutes=2))
    refresh.refresh(db, "pros", now=AT + timedelta(minutes=3))
    assert members(db) == [1, 2]


def test_changes_wait_while_the_data_tests_object(db):
    factory.fail_data_test(db, "contacts", now=AT + timedelta(minutes=1))
    land(db, 3)

    report = live.evaluate_changes(db, commands.names(db), now=AT)

    assert "email_consent: 3 rows are empty" in report.problems["all"]
    assert db.execute("select count(*) from engage.live_changes").fetchone() == (1,)


def test_a_segment_with_a_broken_definition_is_left_alone_and_named(db):
    commands.create(
        db,
        "romans",
        kind="rules",
        title="Romans",
        definition={
            "version": 1,
            "where": {"type": "attribute", "attribute": "city", "operator": "equals", "value": "Rome"},
        },
        refresh="live",
        actor="ada",
        now=AT,
    )
    refresh.refresh(db, "romans", now=AT)
    db.execute(
        """update engage.segments set definition = jsonb_set(definition, '{where,attribute}', '"town"') where key = 'romans'"""
    )
    db.execute("update profiles.contact_profiles set plan = 'pro' where contact_id = 5")
    land(db, 5)

    report = live.evaluate_changes(db, commands.names(db), now=AT)

    assert "town" in report.problems["romans"]
    assert members(db) == [1, 2, 5]


def test_a_size_that_jumps_in_one_round_keeps_the_members_and_the_other_segments_go_on(db):
    for number in range(10, 40):
        factory.add_contact(db, number, plan="pro", city="Rome")
    tree = {"version": 1, "where": {"type": "attribute", "attribute": "city", "operator": "equals", "value": "Rome"}}
    commands.create(db, "romans", kind="rules", title="Romans", definition=tree, refresh="live", actor="ada", now=AT)
    for key in ("pros", "romans"):
        refresh.refresh(db, key, now=AT, accept_jump=True)
    db.execute(
        "update profiles.contact_profiles set plan = null, city = case when contact_id < 12 then 'Bari' else city end"
    )
    land(db, *range(1, 40))

    report = live.evaluate_changes(db, commands.names(db), now=AT + timedelta(minutes=1))

    assert "from 32 to 0, beyond the guard's factor" in report.problems["pros"]
    assert (report.entered, report.exited) == (0, 2)
    assert (len(members(db)), len(members(db, "romans"))) == (32, 28)
    assert (commands.show(db, "pros").problem, commands.show(db, "romans").problem) == (report.problems["pros"], None)


def test_a_segment_that_becomes_live_is_asked_of_those_whom_live_evaluation_had_seen_before(db):
    db.execute("update profiles.contact_profiles set city = 'Rome' where contact_id in (3, 4)")
    land(db, 3)
    live.evaluate_changes(db, commands.names(db), now=AT)
    tree = {"version": 1, "where": {"type": "attribute", "attribute": "city", "operator": "equals", "value": "Rome"}}
    commands.create(db, "romans", kind="rules", title="Romans", definition=tree, refresh="live", actor="ada", now=AT)

    refresh.refresh(db, "romans", now=AT)
    live.evaluate_changes(db, commands.names(db), now=AT)

    assert members(db, "romans") == [3, 4]
    commands.update(db, "romans", refresh="after every build", actor="ada", now=AT)
    db.execute("update profiles.contact_profiles set city = 'Rome' where contact_id = 5")
    land(db, 5)
    live.evaluate_changes(db, commands.names(db), now=AT)
    commands.update(db, "romans", refresh="live", actor="ada", now=AT)
    refresh.refresh(db, "romans", now=AT)
    live.evaluate_changes(db, commands.names(db), now=AT)
    assert members(db, "romans") == [3, 4, 5]


def test_a_live_segment_that_is_deleted_as_its_contacts_are_evaluated_gets_nobody(db, engage_url, monkeypatch):
    land(db, 3)
    db.execute("update profiles.contact_profiles set plan = 'pro' where contact_id = 3")
    read = live._live_segments

    def read_and_then_delete(*arguments):
        found = read(*arguments)
        with psycopg.connect(engage_url) as other:
            commands.delete(other, "pros", actor="ada", now=AT)
        return found

    monkeypatch.setattr(live, "_live_segments", read_and_then_delete)
    live.evaluate_changes(db, commands.names(db), now=AT)

    assert db.execute("select count(*) from engage.segment_members").fetchone() == (0,)
