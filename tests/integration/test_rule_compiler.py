"""Compiled rule trees find exactly the people whom a slow and obvious evaluator finds."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from activation.segments import explain, preview
from activation.segments.catalogue import Catalogue, SegmentEntry
from activation.segments.rules import schema
from activation.segments.rules.compile import Compiler, Sources, as_members
from activation.segments.rules.validate import validate
from tests.support import rule_worlds
from tests.support.rule_oracle import Oracle, World

WORLDS, TREES_EACH = 125, 48  # 6,000 examples
INSTANTS = [
    datetime(2026, 11, 20, 12, 0, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
    datetime(2025, 2, 26, 23, 0, tzinfo=UTC),
    datetime(2026, 12, 31, 23, 30, tzinfo=UTC),
]


def catalogue_of(world: World) -> Catalogue:
    return Catalogue(
        world.attributes,
        world.zone,
        events={name: {} for name in rule_worlds.EVENTS},
        segments={key: SegmentEntry(number, "dbt", key) for key, number in rule_worlds.SEGMENTS.items()}
        | {key: SegmentEntry(number, "manual", key) for key, number in rule_worlds.LISTS.items()},
        campaigns=rule_worlds.CAMPAIGNS,
        history=frozenset({"plan", "city"}),
        trimmed=frozenset({"last_name"}),
        folded=frozenset({"email_domain"}),
    )


@pytest.fixture(scope="module")
def worlds_db(cluster):
    with cluster.migrated_database() as url, psycopg.connect(url, autocommit=True, options="-c timezone=UTC") as db:
        db.execute(rule_worlds.SCHEMA)
        db.execute("set session_replication_role = replica")  # members of segments that are only numbers here
        yield db


def members_of(db, statement, parameters=None):
    return {row[0] for row in db.execute(statement, parameters).fetchall()}


@pytest.mark.parametrize("seed", range(WORLDS))
def test_random_trees_on_random_people_find_whom_the_oracle_finds(worlds_db, seed):
    rng = random.Random(seed)
    at = rng.choice(INSTANTS) + timedelta(microseconds=rng.choice([0, 0, 1]))
    world = rule_worlds.random_world(rng, at)
    rule_worlds.load(worlds_db, world)
    names, oracle = catalogue_of(world), Oracle(world, at)
    compiler = Compiler(names, at, Sources(message_events=(None, "message_events")))

    for _ in range(TREES_EACH):
        definition = rule_worlds.random_tree(rng, at)
        tree, problems = schema.parse(definition)
        assert tree is not None, (definition, problems)
        assert validate(tree, names) == [], definition
        members = as_members(compiler.tree(tree))
        found = members_of(worlds_db, members.statement, dict(members.parameters))
        assert found == oracle.members(definition), (world.zone, at, definition)


@pytest.mark.parametrize("seed", range(20))
def test_trees_of_50_levels_and_500_conditions_find_whom_the_oracle_finds(worlds_db, seed):
    rng = random.Random(seed)
    at = rng.choice(INSTANTS)
    world = rule_worlds.random_world(rng, at)
    rule_worlds.load(worlds_db, world)
    names, oracle = catalogue_of(world), Oracle(world, at)
    compiler = Compiler(names, at, Sources(message_events=(None, "message_events")))

    for definition in (rule_worlds.deep_tree(rng, at, 50), rule_worlds.wide_tree(rng, at, 500)):
        tree, problems = schema.parse(definition)
        assert tree is not None, problems
        members = as_members(compiler.tree(tree))
        assert members_of(worlds_db, members.statement, dict(members.parameters)) == oracle.members(definition)


@pytest.mark.parametrize("seed", range(20))
def test_the_statement_that_is_exported_finds_whom_the_oracle_finds_at_its_own_time(worlds_db, seed):
    rng = random.Random(2000 + seed)
    with worlds_db.transaction():
        at = worlds_db.execute("select now()").fetchone()[0]
        world = rule_worlds.random_world(rng, at)
        rule_worlds.load(worlds_db, world)
        names, oracle = catalogue_of(world), Oracle(world, at)
        # segments that are no dbt models: those are read as views, which are not there
        names = replace(names, segments={key: replace(each, kind="rules") for key, each in names.segments.items()})
        compiler = Compiler(names, None, Sources(message_events=(None, "message_events")))

        for _ in range(25):
            definition = rule_worlds.random_tree(rng, at)
            tree, _ = schema.parse(definition)
            written = preview.as_text(worlds_db, as_members(compiler.tree(tree)))
            assert members_of(worlds_db, written) == oracle.members(definition), (world.zone, at, definition, written)


@pytest.mark.parametrize("seed", range(20))
def test_what_why_says_of_each_person_is_what_the_oracle_says(worlds_db, seed):
    rng = random.Random(3000 + seed)
    at = rng.choice(INSTANTS)
    world = rule_worlds.random_world(rng, at)
    rule_worlds.load(worlds_db, world)
    names, oracle = catalogue_of(world), Oracle(world, at)
    compiler = Compiler(names, at, Sources(message_events=(None, "message_events")))

    for _ in range(10):
        definition = rule_worlds.random_tree(rng, at)
        tree, _ = schema.parse(definition)
        for contact in rng.sample(world.contacts, 5):
            step = explain.steps(worlds_db, compiler, tree, contact["contact_id"])
            assert step.outcome == oracle.true(definition["where"], contact), (world.zone, at, definition, contact)
