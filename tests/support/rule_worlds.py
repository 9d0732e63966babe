"""Random small worlds of contacts and events, with all the values that go wrong, and random trees about them."""

from __future__ import annotations

import json
import random
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg

from tests.support.rule_oracle import World

ATTRIBUTES = {
    "plan": "string", "city": "string", "orders_count": "numeric", "lifetime_value": "numeric", "date_of_birth": "date",
    "created_at": "timestamp", "is_vip": "boolean", "tags": "array", "last_name": "string", "email_domain": "string",
}  # fmt: skip
SQL_TYPES = {
    "string": "text", "numeric": "numeric", "date": "date", "timestamp": "timestamptz", "boolean": "boolean", "array": "text[]",
}  # fmt: skip
ZONES = ["Europe/Rome", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "UTC"]
EVENTS = ["order_created", "email_opened", "call_logged", "deal_stage_changed"]
PLANS = ["pro", "Pro ", "free", "basic", "  ", "", "Ænterprise", 'it\'s "quoted"; drop table x', "100% sure \\ _"]
LAST_NAMES = ["Otieno", "o'Brien", "ÉLODIE", "van  Dam", "Pro"]  # without blanks around them, as a model may promise
DOMAINS = ["rome.example", "pro", "x.example"]  # in lower case as well
TEXTS = {"plan": PLANS, "last_name": LAST_NAMES, "email_domain": DOMAINS}
CITIES = ["Rome", "PARIS", "paris\t", "Saint-Étienne", "", "München", "Ρόδος"]
SEGMENTS = {"vip": 1, "churned": 2}
LISTS = {"fair": 3}
CAMPAIGNS = {"sale": 1, "news": 2}

SCHEMA = """
create schema if not exists profiles; create schema if not exists core;
create table profiles.contact_profiles (contact_id bigint primary key, {columns});
create table core.events (
    event_id uuid primary key, contact_id bigint, event_name text, occurred_at timestamptz, value numeric, currency text, properties jsonb
);
create table core.contact_history (contact_id bigint, valid_from timestamptz, valid_to timestamptz, plan text, city text);
create schema if not exists live;
create view live.live_events as select * from core.events;
create view live.live_contact_profiles as select * from profiles.contact_profiles;
""".format(columns=", ".join(f"{name} {SQL_TYPES[kind]}" for name, kind in ATTRIBUTES.items()))


def random_world(rng: random.Random, at: datetime) -> World:
    world = World(ATTRIBUTES, rng.choice(ZONES))
    ids = rng.sample(range(1, 500), 14)
    for contact_id in ids:
        values = {name: _attribute(rng, kind, name, at) for name, kind in ATTRIBUTES.items()}
        world.contacts.append({"contact_id": contact_id, **values})
    strangers = [*ids, 999_999]
    for _ in range(70):
        name = rng.choice(EVENTS)
        properties = {
            key: _property(rng, at) for key in ("status", "amount", "flag", "when", "labels") if rng.random() < 0.7
        }
        if name == "deal_stage_changed":
            properties |= {"deal_id": rng.randint(1, 5), "to_stage": rng.choice(["won", "Lost ", "offer", "", None])}
        world.events.append({
            "event_id": uuid.UUID(int=rng.getrandbits(128)), "contact_id": rng.choice(strangers), "event_name": name,
            "occurred_at": _moment(rng, at), "value": rng.choice([None, Decimal("0"), Decimal("10.5"), Decimal("-3"), Decimal("250")]),
            "currency": rng.choice([None, "EUR", "usd", " "]), "properties": properties,
        })  # fmt: skip
    world.members = {key: set(rng.sample(strangers, 5)) for key in SEGMENTS}
    world.lists = {key: set(rng.sample(strangers, 5)) for key in LISTS}
    world.message_events = [
        {
            "contact_id": rng.choice(ids),
            "campaign": rng.choice(list(CAMPAIGNS)),
            "type": rng.choice(["sent", "opened", "clicked"]),
            "occurred_at": _moment(rng, at),
        }
        for _ in range(20)
    ]
    for contact in world.contacts:
        start, versions = _moment(rng, at) - timedelta(days=rng.randint(0, 40)), rng.randint(0, 3)
        for number in range(versions):
            end = None if number == versions - 1 else start + timedelta(days=rng.randint(1, 30))
            plan = contact["plan"] if end is None or rng.random() < 0.5 else rng.choice(PLANS)
            world.history.append(
                {
                    "contact_id": contact["contact_id"],
                    "valid_from": start,
                    "valid_to": end,
                    "plan": plan,
                    "city": contact["city"],
                }
            )
            start = end or start
    return world


def load(db: psycopg.Connection, world: World) -> None:
    """Puts the world in the place of the one before."""
    db.execute(
        "truncate profiles.contact_profiles, core.events, core.contact_history, engage.segment_members, engage.segment_list_entries"
    )
    with db.cursor() as cursor:
        names = ["contact_id", *ATTRIBUTES]
        cursor.executemany(
            f"insert into profiles.contact_profiles ({', '.join(names)}) values ({', '.join(f'%({name})s' for name in names)})",
            world.contacts,
        )
        cursor.executemany(
            "insert into core.events values (%(event_id)s, %(contact_id)s, %(event_name)s, %(occurred_at)s, %(value)s, %(currency)s, %(properties)s)",
            [event | {"properties": json.dumps(event["properties"])} for event in world.events],
        )
        cursor.executemany(
            "insert into core.contact_history values (%(contact_id)s, %(valid_from)s, %(valid_to)s, %(plan)s, %(city)s)",
            world.history,
        )
        for key, number in SEGMENTS.items():
            cursor.executemany(
                "insert into engage.segment_members values (%s, %s, now())",
                [(number, each) for each in world.members[key]],
            )
        for key, number in LISTS.items():
            cursor.executemany(
                "insert into engage.segment_list_entries values (%s, %s, now(), 'test')",
                [(number, each) for each in world.lists[key]],
            )
        cursor.execute(
            "create temp table if not exists message_events (contact_id bigint, campaign_id bigint, type text, occurred_at timestamptz)"
        )
        cursor.execute("truncate message_events")
        cursor.executemany(
            "insert into message_events values (%s, %s, %s, %s)",
            [
                (each["contact_id"], CAMPAIGNS[each["campaign"]], each["type"], each["occurred_at"])
                for each in world.message_events
            ],
        )


def random_tree(rng: random.Random, at: datetime, depth: int = 3) -> dict:
    return {"version": 1, "where": _node(rng, at, depth)}


def deep_tree(rng: random.Random, at: datetime, levels: int) -> dict:
    """Groups within groups, a condition beside each."""
    node = _node(rng, at, 0)
    for _ in range(levels):
        kind = rng.choice(["and", "or", "not"])
        node = (
            {"type": "not", "condition": node}
            if kind == "not"
            else {"type": kind, "conditions": [node, _node(rng, at, 0)]}
        )
    return {"version": 1, "where": node}


def wide_tree(rng: random.Random, at: datetime, conditions: int) -> dict:
    """Very many conditions in groups of ten."""
    groups = [
        {"type": rng.choice(["and", "or"]), "conditions": [_node(rng, at, 0) for _ in range(10)]}
        for _ in range(conditions // 10)
    ]
    return {"version": 1, "where": {"type": rng.choice(["and", "or"]), "conditions": groups}}


def _node(rng: random.Random, at: datetime, depth: int) -> dict:
    if depth and rng.random() < 0.65:
        kind = rng.choice(["and", "or", "or", "not"])
        if kind == "not":
            return {"type": "not", "condition": _node(rng, at, depth - 1)}
        return {"type": kind, "conditions": [_node(rng, at, depth - 1) for _ in range(rng.randint(1, 3))]}
    leaves = (
        [_attribute_leaf] * 5
        + [_count_leaf] * 4
        + [_time_leaf, _measure_leaf, _measure_leaf, _sequence_leaf, _sequence_leaf, _set_leaf, _has_been_leaf]
    )
    return rng.choice(leaves)(rng, at)


def _attribute_leaf(rng: random.Random, at: datetime) -> dict:
    name = rng.choice(list(ATTRIBUTES))
    return {"type": "attribute", "attribute": name, **comparison(rng, ATTRIBUTES[name], at)}


def _count_leaf(rng: random.Random, at: datetime) -> dict:
    leaf = {"type": "event_count", "event": rng.choice(EVENTS), **_window(rng, at), "where": _where(rng, at)}
    if rng.random() < 0.3:
        return leaf | {"operator": "did_not"}
    return leaf | {"times": rng.choice(["at_least", "at_most", "exactly"]), "count": rng.randint(0, 4)}


def _time_leaf(rng: random.Random, at: datetime) -> dict:
    return {
        "type": "event_time",
        "event": rng.choice(EVENTS),
        "operator": rng.choice(["first_time", "last_time"]),
        "where": _where(rng, at),
        "compare": comparison(rng, "timestamp", at, measured=True),
    }


def _measure_leaf(rng: random.Random, at: datetime) -> dict:
    return {
        "type": "event_measure",
        "event": rng.choice(EVENTS),
        "operator": rng.choice(["sum", "average", "minimum", "maximum"]),
        "property": rng.choice(["value", "amount"]),
        **_window(rng, at),
        "where": _where(rng, at),
        "compare": comparison(rng, "numeric", at, measured=True),
    }


def _sequence_leaf(rng: random.Random, at: datetime) -> dict:
    return {
        "type": "event_sequence",
        "event": rng.choice(EVENTS),
        "then": rng.choice(EVENTS),
        "operator": rng.choice(["did_then", "did_not_then"]),
        "within_days": rng.randint(1, 20),
        **_window(rng, at),
        "where": _where(rng, at),
        "then_where": _where(rng, at),
    }


def _set_leaf(rng: random.Random, at: datetime) -> dict:
    return rng.choice([
        {"type": "segment", "segment": rng.choice(list(SEGMENTS)), "operator": rng.choice(["in_segment", "not_in_segment"])},
        {"type": "list", "list": "fair", "operator": rng.choice(["in_list", "not_in_list"])},
        {"type": "campaign", "campaign": rng.choice(list(CAMPAIGNS)), **_window(rng, at), "operator": rng.choice(["was_sent", "opened", "clicked", "was_not_sent", "did_not_open", "did_not_click"])},
        {"type": "funnel", "operator": rng.choice(["stage_is", "stage_is_not"]), "stages": rng.sample(["won", "LOST", "offer"], rng.randint(1, 2))},
        {"type": "bucket", "seed": rng.choice(["a", "ünï'"]), "percent": rng.choice([0, 12.5, 50, 99.99, 100])},
    ])  # fmt: skip


def _has_been_leaf(rng: random.Random, _at: datetime) -> dict:
    return {
        "type": "attribute",
        "attribute": "plan",
        "operator": "has_been",
        "value": rng.choice(["pro", "free", "basic"]),
        "days": rng.choice([0, 1, 5, 20]),
    }


def comparison(rng: random.Random, kind: str, at: datetime, *, measured: bool = False) -> dict:
    texts = [text for text in (*PLANS, *CITIES, *LAST_NAMES, *DOMAINS, "o", "É", "2026-11-01") if text.strip()]
    numbers = [0, 1, 2, 10.5, -3, 250, 20]
    choices: list[dict] = [] if measured else [{"operator": "is_set"}, {"operator": "is_not_set"}]
    if kind == "string":
        choices += [
            {"operator": name, "value": rng.choice(texts)}
            for name in ("equals", "equals", "not_equals", "contains", "not_contains", "starts_with", "ends_with")
        ]
        choices += [{"operator": name, "values": rng.sample(texts, rng.randint(1, 3))} for name in ("in", "not_in")]
        choices += [{"operator": "matches", "value": rng.choice(["^p", "o$", "r.m", "[0-9]+", "(pro|free)"])}]
    elif kind == "numeric":
        choices += [
            {"operator": name, "value": rng.choice(numbers)}
            for name in ("equals", "not_equals", "less_than", "at_most", "greater_than", "at_least")
        ]
        choices += [{"operator": name, "values": rng.sample(numbers, 2)} for name in ("in", "not_in")]
        choices += [{"operator": "between", "low": rng.choice(numbers), "high": rng.choice(numbers)}]
    elif kind in {"date", "timestamp"}:
        choices += [
            {"operator": name, "value": _given(rng, at)} for name in ("equals", "not_equals", "before", "after")
        ]
        choices += [{"operator": name, "values": [_given(rng, at), _given(rng, at)]} for name in ("in", "not_in")]
        choices += [{"operator": "between", "low": _given(rng, at), "high": _given(rng, at)}]
        choices += [
            {"operator": name, "days": rng.choice([0, 1, 2, 7, 30])}
            for name in (
                "in_last_days",
                "in_next_days",
                "more_than_days_ago",
                "in_last_calendar_days",
                "anniversary_in",
                "anniversary_within",
            )
        ]
    elif kind == "boolean":
        choices += [
            {"operator": "is_true"},
            {"operator": "is_false"},
            {"operator": "equals", "value": rng.random() < 0.5},
            {"operator": "not_equals", "value": True},
        ]
    else:
        choices += [
            {"operator": name, "values": rng.sample(["News", "vip", "b2b", "Été"], rng.randint(1, 2))}
            for name in ("contains_any", "contains_all", "contains_none")
        ]
    return rng.choice(choices)


def _where(rng: random.Random, at: datetime) -> list[dict]:
    if rng.random() < 0.6:
        return []
    name, kind = rng.choice(
        [
            ("status", "string"),
            ("amount", "numeric"),
            ("flag", "boolean"),
            ("when", "timestamp"),
            ("labels", "array"),
            ("value", "numeric"),
            ("currency", "string"),
        ]
    )
    condition = {"property": name, **comparison(rng, kind, at)}
    if kind == "timestamp" and condition["operator"] in {"equals", "not_equals", "in", "not_in"}:
        condition = {"property": name, "operator": "after", "value": _given(rng, at)}
    return [condition]


def _window(rng: random.Random, at: datetime) -> dict:
    day = at.date() - timedelta(days=rng.randint(0, 40))
    return rng.choice([
        {}, {"window": {"last_days": rng.choice([1, 2, 7, 30])}}, {"window": {"last_calendar_days": rng.choice([1, 2, 7])}},
        {"window": {"since": day.isoformat()}}, {"window": {"until": day.isoformat()}},
        {"window": {"since": day.isoformat(), "until": (day + timedelta(days=10)).isoformat()}},
    ])  # fmt: skip


def _given(rng: random.Random, at: datetime) -> str:
    moment = _moment(rng, at)
    return rng.choice(
        [
            moment.date().isoformat(),
            moment.date().isoformat(),
            moment.replace(tzinfo=None).isoformat(),
            moment.isoformat(),
            "2024-02-29",
        ]
    )


def _moment(rng: random.Random, at: datetime) -> datetime:
    """Often exactly on an edge: at the instant itself, whole days from it, at midnight somewhere, around a change of clocks."""
    kind = rng.random()
    if kind < 0.3:
        return at - timedelta(days=rng.randint(-2, 31))
    if kind < 0.5:
        day = at.date() - timedelta(days=rng.randint(-2, 31))
        return datetime(
            day.year, day.month, day.day, rng.choice([0, 4, 5, 11, 12, 18, 22, 23]), rng.choice([0, 30]), tzinfo=UTC
        )
    if kind < 0.6:
        return datetime(2026, 10, 25, rng.randint(0, 3), rng.choice([0, 30]), tzinfo=UTC)
    return at - timedelta(seconds=rng.randint(-86_400, 86_400 * 60), microseconds=rng.randint(0, 999_999))


def _attribute(rng: random.Random, kind: str, name: str, at: datetime) -> object:
    if rng.random() < 0.15:
        return None
    if kind == "string":
        return rng.choice(TEXTS.get(name, CITIES))
    if kind == "numeric":
        return rng.choice([Decimal(0), Decimal(1), Decimal(2), Decimal("10.5"), Decimal(-3), Decimal(250)])
    if kind == "date":
        near = at.date() + timedelta(days=rng.randint(-3, 8))
        return rng.choice(
            [
                near.replace(year=1990) if (near.month, near.day) != (2, 29) else near,
                date(1992, 2, 29),
                near,
                date(2026, 11, 20),
            ]
        )
    if kind == "timestamp":
        return _moment(rng, at)
    if kind == "boolean":
        return rng.random() < 0.5
    return rng.choice([[], ["news"], ["VIP ", "news"], ["été", "b2b"], [""]])


def _property(rng: random.Random, at: datetime) -> object:
    return rng.choice([
        None, True, False, 0, 10.5, 250, -3, "pro", " Pro", "", "12", "2026-11-01", "2026-02-31", "2026-11-01T10:00:00+02:00",
        at.isoformat(), "yesterday", ["news", "vip"], [], ["Été"], {"nested": 1}, "Rome",
    ])  # fmt: skip
