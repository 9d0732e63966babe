"""The component's tree and the rule tree: there and back again, and nothing unfinished is lost."""

from __future__ import annotations

import pytest

from activation.segments.catalogue import Catalogue, SegmentEntry
from activation.segments.rules.operators import BY_NAME
from dashboards.segment_builder.config import SEPARATOR, config, drawn
from dashboards.segment_builder.draft import Draft
from dashboards.segment_builder.further import join, split
from dashboards.segment_builder.translate import NotDrawable, to_rules, to_tree

NAMES = Catalogue(
    {
        "plan": "string",
        "orders_count": "numeric",
        "created_at": "timestamp",
        "is_vip": "boolean",
        "tags": "array",
        "date_of_birth": "date",
    },
    "Europe/Rome",
    events={"order_created": {"value": "numeric", "status": "string"}},
    segments={"vip": SegmentEntry(1, "dbt", "VIP"), "fair": SegmentEntry(2, "manual", "Fair")},
    campaigns={"sale": 1},
)


def tree(*conditions, type="and"):
    return {"version": 1, "where": {"type": type, "conditions": list(conditions)}}


def attribute(name, operator, **arguments):
    return {"type": "attribute", "attribute": name, "operator": operator, **arguments}


@pytest.mark.parametrize(
    "condition",
    [
        attribute("plan", "equals", value="pro"),
        attribute("plan", "in", values=["pro", "free"]),
        attribute("plan", "is_set"),
        attribute("orders_count", "between", low=1, high=5),
        attribute("created_at", "in_last_days", days=30),
        attribute("created_at", "before", value="2026-03-01"),
        attribute("date_of_birth", "anniversary_within", days=7),
        attribute("is_vip", "is_true"),
        attribute("tags", "contains_any", values=["b2b"]),
        {"type": "event_count", "event": "order_created", "times": "exactly", "count": 2, "window": {"last_days": 30}},
        {"type": "event_count", "event": "order_created", "times": "at_least", "count": 1, "window": {"since": "2026-01-01", "until": "2026-03-01"}, "where": [{"property": "status", "operator": "equals", "value": "paid"}]},
        {"type": "event_time", "event": "order_created", "operator": "last_time", "compare": {"operator": "more_than_days_ago", "days": 90}},
        {"type": "event_measure", "event": "order_created", "operator": "sum", "property": "value", "compare": {"operator": "at_least", "value": 100}},
        {"type": "campaign", "campaign": "sale", "operator": "did_not_open"},
        {"type": "segment", "segment": "vip", "operator": "not_in_segment"},
        {"type": "list", "list": "fair", "operator": "in_list"},
        {"type": "bucket", "operator": "in_bucket", "seed": "share", "percent": 10},
    ],
)  # fmt: skip
def test_what_is_drawn_is_read_back_as_it_was(condition):
    other = attribute("plan", "is_set")
    for definition in (
        tree(condition, other), tree(condition, other, type="or"), {"version": 1, "where": {"type": "not", "condition": tree(condition, other)["where"]}},
        tree(tree(condition, other, type="or")["where"], other),
    ):  # fmt: skip
        assert to_rules(to_tree(definition)) == (definition, [])


def test_did_not_is_drawn_as_exactly_0():
    drawn_tree = to_tree(tree({"type": "event_count", "event": "order_created", "operator": "did_not"}))

    assert to_rules(drawn_tree)[0]["where"] == {
        "type": "event_count",
        "event": "order_created",
        "times": "exactly",
        "count": 0,
    }


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"type": "rule", "properties": {"field": None, "operator": None, "value": []}}, "a condition about nothing yet"),
        ({"type": "rule", "properties": {"field": f"attribute{SEPARATOR}plan", "operator": "equals", "value": [None]}}, "the condition about plan"),
        ({"type": "rule", "properties": {"field": f"attribute{SEPARATOR}orders_count", "operator": "between", "value": [1, None]}}, "the condition about orders count"),
        ({"type": "rule", "properties": {"field": "segment", "operator": "in_segment", "value": [None]}}, "which segment"),
        ({"type": "rule_group", "properties": {"field": "event:order_created", "operator": "equal", "value": [None]}}, "how many times they did order created"),
        ({"type": "rule_group", "properties": {"field": "event:order_created", "operator": "equal", "value": [1]}, "children": [{"type": "rule", "properties": {"field": f"event:order_created{SEPARATOR}when", "operator": "last_days", "value": [None]}}]}, "when they did order created"),
        ({"type": "group", "properties": {}, "children": []}, "a group without a condition"),
    ],
)  # fmt: skip
def test_what_is_unfinished_is_named_and_the_rest_kept(rule, words):
    finished = to_tree(tree(attribute("plan", "is_set")))["children"][0]

    definition, unfinished = to_rules({"type": "group", "children": [finished, rule]})

    assert unfinished == [words]
    assert definition is not None


@pytest.mark.parametrize(
    "condition",
    [
        attribute("plan", "has_been", value="pro", days=3),
        attribute("orders_count", "in", values=[1, 2]),
        {"type": "event_sequence", "event": "a", "then": "b", "within_days": 3},
        {"type": "campaign", "campaign": "sale", "operator": "opened", "window": {"last_days": 3}},
        {"type": "bucket", "seed": "mine", "percent": 3},
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused_and_never_drawn_wrongly(condition):
    with pytest.raises(NotDrawable):
        to_tree(tree(condition))


def test_every_comparison_of_the_table_is_offered_for_its_type():
    offered = config(NAMES, {"plan": ["pro"]})
    for kind in ("string", "numeric", "date", "timestamp", "boolean", "array"):
        names = {name for widget in offered["types"][f"of_{kind}"]["widgets"].values() for name in widget["operators"]}
        assert names == {operator.name for operator in drawn(kind)}
        assert all(offered["operators"][name]["label"].startswith(BY_NAME[name].label) for name in names)


def test_operators_of_days_name_the_zone_in_which_these_end():
    operators = config(NAMES, {})["operators"]

    assert operators["before"]["label"] == "is before (Rome time)"
    assert operators["last_calendar_days"]["label"] == "in the last … calendar days (Rome time)"
    assert operators["in_last_days"]["label"] == "is in the last … days"


SEQUENCE = {"type": "event_sequence", "event": "order_created", "then": "order_paid", "within_days": 3}
PLAN, GONE = attribute("plan", "equals", value="pro"), attribute("gone", "is_set")


@pytest.mark.parametrize(
    ("definition", "further"),
    [
        (tree(PLAN, attribute("plan", "is_set")), []),
        (tree(PLAN, SEQUENCE), [SEQUENCE]),
        ({"version": 1, "where": SEQUENCE}, [SEQUENCE]),
        (tree(PLAN, GONE), [GONE]),
        (tree(PLAN, attribute("created_at", "before", value="2026-03-01T09:30:00+01:00")), [attribute("created_at", "before", value="2026-03-01T09:30:00+01:00")]),
        (tree(PLAN, {"type": "segment", "segment": "deleted", "operator": "in_segment"}), [{"type": "segment", "segment": "deleted", "operator": "in_segment"}]),
        (tree(PLAN, {"type": "event_count", "event": "order_created", "where": [{"property": "new", "operator": "is_set"}]}), [{"type": "event_count", "event": "order_created", "where": [{"property": "new", "operator": "is_set"}]}]),
        (tree(tree(PLAN, SEQUENCE, type="or")["where"], PLAN), [tree(PLAN, SEQUENCE, type="or")["where"]]),
    ],
)  # fmt: skip
def test_what_the_component_would_drop_stands_beside_the_tree_and_nothing_is_lost(definition, further):
    drawing, beside = split(definition, config(NAMES, {}))

    assert beside == further
    joined = join(to_rules(drawing)[0], beside)
    flat = joined["where"].get("conditions", [joined["where"]])
    assert sorted(map(str, flat)) == sorted(map(str, definition["where"].get("conditions", [definition["where"]])))


def test_names_with_dots_are_names_like_others():
    names = Catalogue({"plan": "string"}, "UTC", events={"order.paid": {"line.price": "numeric"}})
    condition = {
        "type": "event_count",
        "event": "order.paid",
        "times": "at_least",
        "count": 2,
        "where": [{"property": "line.price", "operator": "at_least", "value": 3}],
    }

    drawing, beside = split(tree(condition), config(names, {}))

    assert beside == []
    assert to_rules(drawing) == ({"version": 1, "where": condition}, [])


def test_a_tree_deeper_than_the_component_draws_is_left_beside_it():
    where = PLAN
    for _ in range(30):
        where = {"type": "and", "conditions": [where, PLAN]}

    drawing, beside = split({"version": 1, "where": where}, config(NAMES, {}))

    assert len(beside) == 1
    assert drawing is not None


def test_a_tree_of_which_the_component_dropped_something_is_noticed_at_its_first_answer():
    draft = Draft(None)
    draft.start(tree(PLAN, attribute("plan", "is_set")), config(NAMES, {}))

    assert not draft.has_arrived(to_tree(tree(PLAN)))

    draft.start(tree(PLAN, attribute("plan", "is_set")), config(NAMES, {}))
    assert draft.has_arrived(draft.tree)
    assert draft.has_arrived({"type": "group", "children": []})  # taken out by hand later
