"""A rule tree as one SELECT with bound parameters.

Shape: contacts filtered by their attributes; each behaviour is a set of contact ids, made once by an index scan and a
hash, joined or anti-joined. Three-valued logic never reaches a NOT: it is `is not true`, so that it includes the not-set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from psycopg.sql import SQL
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Numeric,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    exists,
    false,
    func,
    literal_column,
    not_,
    null,
    or_,
    select,
    table,
    true,
    union_all,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import BIT
from sqlalchemy.dialects.postgresql import psycopg as dialect
from sqlalchemy.sql.selectable import FromClause, Subquery

from activation.segments.catalogue import EVENT_COLUMNS, Catalogue
from activation.segments.kinds.contract import Members
from activation.segments.rules import schema
from activation.segments.rules.comparisons import Operand, Times, folded
from activation.segments.rules.operators import BY_NAME
from activation.segments.rules.validate import property_type

Sql = ColumnElement[Any]
ONE: Sql = literal_column("1")
Relation = tuple[str | None, str]
INSTANT = "at"  # the parameter of a statement that is the instant of evaluation
MESSAGE_EVENT = {
    "was_sent": "sent", "opened": "opened", "clicked": "clicked",
    "was_not_sent": "sent", "did_not_open": "opened", "did_not_click": "clicked",
}  # fmt: skip


@dataclass(frozen=True)
class Sources:
    """The relations that a tree is evaluated over; live evaluation and backtests put others in their place."""

    profiles: Relation = ("profiles", "contact_profiles")
    events: Relation = ("core", "events")
    history: Relation = ("core", "contact_history")
    members: Relation = ("engage", "segment_members")
    lists: Relation = ("engage", "segment_list_entries")
    message_events: Relation = ("engage", "message_happenings")
    models: str = "segments"


@dataclass(frozen=True)
class Compiler:
    """Compiles trees at one instant. `shared` maps the key of a condition to a table that holds its contacts already."""

    catalogue: Catalogue
    at: datetime | None
    sources: Sources = field(default_factory=Sources)
    shared: Mapping[str, str] = field(default_factory=dict)

    @property
    def times(self) -> Times:
        """Without an instant the statement takes its own time: that is for SQL to be kept, not run here."""
        if self.at is None:
            return Times(func.now(), self.catalogue.time_zone)
        return Times(bindparam(INSTANT, self.at, DateTime(timezone=True)), self.catalogue.time_zone, self.at)

    def tree(self, tree: schema.RuleTree) -> Select[Any]:
        """SELECT contact_id of everybody of whom the tree is true."""
        contact = self.contacts()
        return select(contact.c.contact_id).where(self.condition(tree.where, contact))

    def contacts(self) -> FromClause:
        columns: list[Any] = [column("contact_id"), *(column(name) for name in self.catalogue.attributes)]
        return relation_as(self.sources.profiles, "contact", *columns)

    def condition(self, node: Any, contact: FromClause) -> Sql:
        """The node's truth about a contact; NULL means false."""
        node = self._as_ranges(node)
        if isinstance(node, schema.And):
            return and_(*(self.condition(child, contact) for child in node.conditions))
        if isinstance(node, schema.Or):
            return self._any(node, contact)
        if isinstance(node, schema.Not):
            return self._negation(node.condition, contact)
        if isinstance(node, schema.AttributeCondition) and node.operator != "has_been":
            return self._compare(self.attribute(node.attribute, contact), node)
        if isinstance(node, schema.BucketCondition):
            return bucket(node.seed, contact.c.contact_id) < _integer(round(node.percent * 100))
        return self._membership(node, contact)

    def _as_ranges(self, node: Any) -> Any:
        """First time in the last N days, as: did it then and not before. Both are ranges of the index; a minimum reads all."""
        is_first = isinstance(node, schema.EventTime) and node.operator == "first_time"
        if (
            not is_first
            or node.compare.operator != "in_last_days"
            or not node.compare.days
            or leaf_key(node) in self.shared
        ):
            return node
        lately = schema.EventCount(
            type="event_count", event=node.event, where=node.where, window=schema.Window(last_days=node.compare.days)
        )
        before = schema.Comparison(operator="more_than_days_ago", days=node.compare.days)
        return schema.And(
            type="and",
            conditions=[lately, schema.Not(type="not", condition=node.model_copy(update={"compare": before}))],
        )

    def _any(self, node: schema.Or, contact: FromClause) -> Sql:
        """Alternatives over behaviour are one set, united: a filter with several subplans would ask each contact each time."""
        branches = self._branches(node)
        if branches is None:
            return or_(*(self.condition(child, contact) for child in node.conditions))
        people = union_all(*branches).subquery()
        return exists(select(ONE).select_from(people).where(people.c.contact_id == contact.c.contact_id))

    def _branches(self, node: schema.Or) -> list[Select[Any]] | None:
        """The sets of people that the alternatives name, those by attributes as one; None when a union does not pay."""
        branches: list[Select[Any]] = []
        by_attributes: list[Any] = []
        for child in node.conditions:
            if isinstance(child, schema.Or):
                inner = self._branches(child)
                if inner is None and not _only_attributes(child):
                    return None
                branches += inner or []
                by_attributes += [] if inner else [child]
            elif _only_attributes(child):
                by_attributes.append(child)
            elif isinstance(child, schema.Not) or (made := self._branch(child)) is None:
                return None  # people outside of a set are most people
            else:
                branches.append(made)
        if not branches:
            return None
        if by_attributes:
            contact = self.contacts()
            truths = [self.condition(each, contact) for each in by_attributes]
            branches.append(select(contact.c.contact_id).where(or_(*truths)))
        return branches

    def _branch(self, node: Any) -> Select[Any] | None:
        node = self._as_ranges(node)
        if isinstance(node, schema.And):
            contact = self.contacts()
            return select(contact.c.contact_id).where(self.condition(node, contact))
        people = self._shared_or_own(node)
        return None if people is None or people[1] else people[0]

    def _negation(self, node: Any, contact: FromClause) -> Sql:
        # pushed down to the conditions, so that what people did not do is an anti-join and no filter over a subplan
        node = self._as_ranges(node)
        if isinstance(node, schema.And):
            return or_(*(self._negation(child, contact) for child in node.conditions))
        if isinstance(node, schema.Or):
            return and_(*(self._negation(child, contact) for child in node.conditions))
        if isinstance(node, schema.Not):
            return self.condition(node.condition, contact)
        if isinstance(node, schema.AttributeCondition | schema.BucketCondition) and node.operator != "has_been":
            return self.condition(node, contact).is_not(True)
        return self._membership(node, contact, opposite=True)

    def _membership(self, node: schema.Leaf, contact: FromClause, *, opposite: bool = False) -> Sql:
        """Whether the contact is in the set of a condition, or outside of it."""
        people = self._shared_or_own(node)
        if people is None:
            return false() if opposite else true()
        found, outside = people
        people_set = found.subquery()
        inside = exists(select(ONE).select_from(people_set).where(people_set.c.contact_id == contact.c.contact_id))
        return not_(inside) if outside is not opposite else inside

    def _shared_or_own(self, node: schema.Leaf) -> tuple[Select[Any], bool] | None:
        people = self.people(node)
        key = leaf_key(node) if self.shared else None
        if people is None or key not in self.shared:
            return people
        assert key is not None
        return select(relation_as((None, self.shared[key]), "shared", column("contact_id")).c.contact_id), people[1]

    def people(self, node: schema.Leaf) -> tuple[Select[Any], bool] | None:
        """The contacts of a condition, and whether it means those outside; None when it is true of everybody."""
        if isinstance(node, schema.EventCount):
            return self._event_count(node)
        if isinstance(node, schema.EventTime):
            return self._event_time(node), False
        if isinstance(node, schema.EventMeasure):
            return self._event_measure(node), False
        if isinstance(node, schema.EventSequence):
            return self._event_sequence(node), node.operator == "did_not_then"
        if isinstance(node, schema.SegmentCondition):
            return self._in(self.sources.members, node.segment), node.operator == "not_in_segment"
        if isinstance(node, schema.ListCondition):
            return self._in(self.sources.lists, node.list), node.operator == "not_in_list"
        if isinstance(node, schema.CampaignCondition):
            return self._campaign(node), node.operator in {"was_not_sent", "did_not_open", "did_not_click"}
        if isinstance(node, schema.FunnelCondition):
            return self._funnel(node), node.operator == "stage_is_not"
        if isinstance(node, schema.AttributeCondition):
            return self._has_been(node), False
        raise TypeError(f"{node.type} is not a set of contacts")

    def attribute(self, name: str, contact: FromClause) -> Operand:
        return Operand(
            contact.c[name], self.catalogue.attributes[name],
            is_trimmed=name in self.catalogue.trimmed, is_folded=name in self.catalogue.folded,
        )  # fmt: skip

    def _compare(self, operand: Operand, comparison: schema.Comparison) -> Sql:
        compiled = BY_NAME[comparison.operator].sql
        assert compiled is not None
        truth: Sql = compiled(operand, comparison.arguments(), self.times)
        return truth

    # -- behaviour

    def _event_count(self, node: schema.EventCount) -> tuple[Select[Any], bool] | None:
        times, count = ("exactly", 0) if node.operator == "did_not" else (node.times, node.count)
        if times == "at_least" and count == 0:
            return None
        event = self.events()
        did = select(event.c.contact_id).where(
            *self.matching(event, node.event, node.where), *self.window(event, node.window)
        )
        if (times, count) == ("at_least", 1):
            return did, False
        if (times, count) in {("exactly", 0), ("at_most", 0)}:
            return did, True
        number = func.count()
        grouped = did.group_by(event.c.contact_id)
        if times == "at_most":
            return grouped.having(number > _integer(count)), True
        return grouped.having(number >= _integer(count) if times == "at_least" else number == _integer(count)), False

    def _event_time(self, node: schema.EventTime) -> Select[Any]:
        event = self.events()
        of_it = self.matching(event, node.event, node.where)
        if (node.operator, node.compare.operator) == ("first_time", "more_than_days_ago"):
            # some time was so long ago exactly when the first one was: a range of the index
            return select(event.c.contact_id).where(
                *of_it, event.c.occurred_at < self.times.back(node.compare.days or 0)
            )
        moment = (func.min if node.operator == "first_time" else func.max)(event.c.occurred_at)
        return (
            select(event.c.contact_id)
            .where(*self.matching(event, node.event, node.where), *self.window(event, None))
            .group_by(event.c.contact_id)
            .having(self._compare(Operand(moment, "timestamp"), node.compare))
        )

    def _event_measure(self, node: schema.EventMeasure) -> Select[Any]:
        event = self.events()
        value = self.measure(event, node)
        return (
            select(event.c.contact_id)
            .where(*self.matching(event, node.event, node.where), *self.window(event, node.window))
            .group_by(event.c.contact_id)
            .having(self._compare(Operand(value, "numeric"), node.compare))
        )

    def measure(self, event: FromClause, node: schema.EventMeasure) -> Sql:
        """The aggregate that the condition compares."""
        measures: dict[str, Any] = {"sum": func.sum, "average": func.avg, "minimum": func.min, "maximum": func.max}
        value: Sql = measures[node.operator](self.property(event, node.property, "numeric").sql)
        return value

    def _event_sequence(self, node: schema.EventSequence) -> Select[Any]:
        first, second = self.events("first"), self.events("second")
        followed = exists(
            select(ONE)
            .select_from(second)
            .where(
                second.c.contact_id == first.c.contact_id,
                *self.matching(second, node.then, node.then_where),
                *self.window(second, None),
                second.c.occurred_at > first.c.occurred_at,
                second.c.occurred_at <= Times(first.c.occurred_at, "").ahead(node.within_days),
            )
        )
        return select(first.c.contact_id).where(
            *self.matching(first, node.event, node.where), *self.window(first, node.window), followed
        )

    def events(self, name: str = "event") -> FromClause:
        columns = ("contact_id", "event_name", "occurred_at", "event_id", "value", "currency", "properties")
        return relation_as(self.sources.events, name, *(column(each) for each in columns))

    def matching(self, event: FromClause, name: str, where: list[schema.PropertyCondition]) -> list[Sql]:
        conditions = [self._compare(self.property(event, each.property, property_type(each)), each) for each in where]
        return [event.c.event_name == bindparam(None, name, Text), *conditions]

    def window(self, event: FromClause, window: schema.Window | None) -> list[Sql]:
        """Nothing later than the instant of evaluation counts, whatever the window."""
        moment, times = event.c.occurred_at, self.times
        conditions = [moment <= times.at]
        if window is None:
            return conditions
        if window.last_days is not None:
            conditions.append(moment >= times.back(window.last_days))
        if window.last_calendar_days is not None:
            conditions.append(moment >= times.begin(times.today - _integer(window.last_calendar_days - 1)))
        if window.since is not None:
            conditions.append(moment >= times.begin(bindparam(None, window.since, Date)))
        if window.until is not None:
            day_after = bindparam(None, window.until, Date) + _integer(1)
            conditions.append(moment < times.begin(day_after))
        return conditions

    def property(self, event: FromClause, name: str, kind: str) -> Operand:
        """A property as a value of the type; NULL when it is of another type."""
        if name in EVENT_COLUMNS:
            same = kind in {EVENT_COLUMNS[name], "any"}
            return Operand(event.c[name] if same else null(), EVENT_COLUMNS[name] if kind == "any" else kind)
        key = bindparam(None, name, Text)
        value, as_text = event.c.properties.op("->")(key), event.c.properties.op("->>")(key)
        json_type = func.jsonb_typeof(value)
        if kind == "any":
            nothing = or_(json_type == "null", func.btrim(as_text, " \t\r\n") == "", as_text == "[]")
            return Operand(case((not_(func.coalesce(nothing, true())), as_text)), "string")
        return Operand(_typed(kind, json_type, value, as_text, self.catalogue.time_zone), kind)

    def of_another_type(self, leaf: Any, name: str, kind: str) -> Select[Any]:
        """How many events of the condition hold a property that is set, and of another type than it is asked for."""
        event = self.events()
        if name in EVENT_COLUMNS:
            return select(func.count()).select_from(event).where(false())
        is_there = (
            func.coalesce(func.jsonb_typeof(event.c.properties.op("->")(bindparam(None, name, Text))), "null") != "null"
        )
        window = self.window(event, getattr(leaf, "window", None))
        return (
            select(func.count())
            .select_from(event)
            .where(
                *self.matching(event, leaf.event, []), *window, is_there, self.property(event, name, kind).sql.is_(None)
            )
        )

    # -- other sets

    def _in(self, relation: Relation, key: str) -> Select[Any]:
        entry = self.catalogue.segments[key]
        if self.at is None and entry.kind == "dbt" and relation == self.sources.members:
            # SQL to be kept refers to the model, not to what happens to be its number here
            return select(relation_as((self.sources.models, key), "entry", column("contact_id")).c.contact_id)
        entries = relation_as(relation, "entry", column("segment_id"), column("contact_id"))
        return select(entries.c.contact_id).where(entries.c.segment_id == bindparam(None, entry.segment_id, BigInteger))

    def _campaign(self, node: schema.CampaignCondition) -> Select[Any]:
        event = self.message_events()
        return select(event.c.contact_id).where(*self.of_campaign(event, node))

    def message_events(self) -> FromClause:
        names = ("contact_id", "campaign_id", "type", "occurred_at")
        return relation_as(self.sources.message_events, "message_event", *(column(name) for name in names))

    def of_campaign(self, event: FromClause, node: schema.CampaignCondition) -> list[Sql]:
        """What makes an event of a message one that the condition is about."""
        return [
            event.c.campaign_id == bindparam(None, self.catalogue.campaigns[node.campaign], BigInteger),
            event.c.type == bindparam(None, MESSAGE_EVENT[node.operator], Text),
            *self.window(event, node.window),
        ]

    def _funnel(self, node: schema.FunnelCondition) -> Select[Any]:
        newest = self.stages()
        wanted = [folded(bindparam(None, each, Text)) for each in node.stages]
        return select(newest.c.contact_id).where(folded(newest.c.stage).in_(wanted))

    def stages(self) -> Subquery:
        """The stage of each deal, by its newest change, and whose it is."""
        event = self.events()
        deal, stage = event.c.properties.op("->>")("deal_id"), event.c.properties.op("->>")("to_stage")
        return (
            select(event.c.contact_id, stage.label("stage"))
            .where(event.c.event_name == "deal_stage_changed", *self.window(event, None))
            .distinct(deal)
            .order_by(deal, event.c.occurred_at.desc(), event.c.event_id.desc())
            .subquery("newest")
        )

    def versions(self, attribute: str) -> FromClause:
        """What the attribute was, from when until when."""
        names = ("contact_id", "valid_from", "valid_to", attribute)
        return relation_as(self.sources.history, "version", *(column(name) for name in names))

    def _has_been(self, node: schema.AttributeCondition) -> Select[Any]:
        """Now, and in every version that touches the span, the first of which began no later than the span."""
        version = self.versions(node.attribute)
        since = self.times.back(node.days or 0)
        kind = self.catalogue.attributes[node.attribute]
        equal = schema.Comparison(operator="equals", value=node.value)
        held = (
            select(version.c.contact_id)
            .where(version.c.valid_from <= self.times.at, or_(version.c.valid_to.is_(None), version.c.valid_to > since))
            .group_by(version.c.contact_id)
            .having(
                func.bool_and(func.coalesce(self._compare(Operand(version.c[node.attribute], kind), equal), false())),
                func.min(version.c.valid_from) <= since,
            )
            .subquery("held")
        )
        contact = self.contacts()
        return (
            select(contact.c.contact_id)
            .join_from(contact, held, held.c.contact_id == contact.c.contact_id)
            .where(self._compare(self.attribute(node.attribute, contact), equal))
        )


def leaf_key(node: schema.Leaf) -> str:
    """The same for conditions over the same set of contacts, whether they mean those inside or outside."""
    content = node.model_dump(mode="json")
    if isinstance(node, schema.EventCount) and node.operator == "did_not":
        content |= {"operator": "did"}
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode()


def as_members(statement: Select[Any], *, prefix: str = "") -> Members:
    """The statement as psycopg takes it; `prefix` keeps the parameters of several apart in one."""
    compiled = statement.compile(dialect=_DIALECT)
    text, parameters = str(compiled), compiled.params
    if prefix:
        text = text.replace("%(", f"%({prefix}")
        parameters = {f"{prefix}{name}": value for name, value in parameters.items()}
    return Members(SQL(text), parameters, once_each=True)


_DIALECT = dialect.dialect()  # type: ignore[no-untyped-call]


def relation_as(relation: Relation, alias: str, *columns: Any) -> FromClause:
    """A relation under a name of its own, as the statement reads it."""
    schema_name, name = relation
    return table(name, *columns, schema=schema_name).alias(alias)


def _integer(value: int) -> Sql:
    return bindparam(None, value, Integer)


def _typed(kind: str, json_type: Sql, value: Sql, as_text: Sql, time_zone: str) -> Sql:
    if kind == "string":
        return case((json_type == "string", as_text))
    if kind == "numeric":
        return case((json_type == "number", cast(as_text, Numeric)))
    if kind == "boolean":
        return case((json_type == "boolean", as_text == "true"))
    if kind == "timestamp":
        return case((json_type == "string", func.engage.timestamp_or_null(as_text, time_zone)))
    entries = func.jsonb_array_elements_text(case((json_type == "array", value))).column_valued("entry")
    return cast(select(func.array_agg(entries)).scalar_subquery(), ARRAY(Text))


def bucket(seed: str, contact_id: Any) -> Sql:
    """The contact's place among 10,000: 32 bits of md5, which any database and any program computes alike."""
    digest = func.md5(bindparam(None, f"{seed}:", Text) + cast(contact_id, Text))
    return cast(cast(literal_column("'x'", Text) + func.substr(digest, 1, 8, type_=Text), BIT(32)), BigInteger) % 10_000


def _only_attributes(node: Any) -> bool:
    """Whether nothing but the contact's own row is asked."""
    if isinstance(node, schema.And | schema.Or):
        return all(_only_attributes(child) for child in node.conditions)
    if isinstance(node, schema.Not):
        return _only_attributes(node.condition)
    return isinstance(node, schema.AttributeCondition | schema.BucketCondition) and node.operator != "has_been"
