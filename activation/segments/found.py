"""What is known of one contact about each kind of condition, as text: the value that made it true or false."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Numeric,
    Select,
    Text,
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from activation.segments.rules import schema
from activation.segments.rules.compile import Compiler, Relation, bucket, relation_as

Sql = ColumnElement[Any]


def found(compiler: Compiler, leaf: schema.Leaf, contact: Any, contact_id: int) -> Sql:
    """The value as SQL, for a statement over `contact` that is about this one contact."""
    if isinstance(leaf, schema.AttributeCondition):
        value = func.coalesce(cast(contact.c[leaf.attribute], Text), "not set")
        return value + _recorded(compiler, leaf, contact_id) if leaf.operator == "has_been" else value
    if isinstance(leaf, schema.BucketCondition):
        return "at " + cast(cast(bucket(leaf.seed, contact.c.contact_id) / 100.0, Numeric(5, 2)), Text) + " %"
    return _found_elsewhere(compiler, leaf, contact_id).scalar_subquery()


def _found_elsewhere(compiler: Compiler, leaf: Any, contact_id: int) -> Select[Any]:
    if isinstance(leaf, schema.SegmentCondition):
        return _entry(compiler, compiler.sources.members, leaf.segment, "entered_at", contact_id)
    if isinstance(leaf, schema.ListCondition):
        return _entry(compiler, compiler.sources.lists, leaf.list, "added_at", contact_id)
    if isinstance(leaf, schema.FunnelCondition):
        newest = compiler.stages()
        stages = func.string_agg(newest.c.stage, aggregate_order_by(literal_column("', '"), newest.c.stage))
        return select(func.coalesce(stages, "no deal")).where(newest.c.contact_id == contact_id)
    if isinstance(leaf, schema.CampaignCondition):
        event = compiler.message_events()
        return select(_number_and_newest(compiler, event)).where(
            event.c.contact_id == contact_id, *compiler.of_campaign(event, leaf)
        )
    if isinstance(leaf, schema.EventSequence):
        firsts = _events(compiler, leaf.event, leaf.where, leaf.window, contact_id)
        seconds = _events(compiler, leaf.then, leaf.then_where, None, contact_id)
        return select("first: " + firsts.scalar_subquery() + "; then: " + seconds.scalar_subquery())
    return _events_of(compiler, leaf, contact_id)


def _events_of(compiler: Compiler, leaf: Any, contact_id: int) -> Select[Any]:
    event = compiler.events("found")
    conditions = [
        event.c.contact_id == contact_id,
        *compiler.matching(event, leaf.event, leaf.where),
        *compiler.window(event, getattr(leaf, "window", None)),
    ]
    if isinstance(leaf, schema.EventTime):
        moment = (func.min if leaf.operator == "first_time" else func.max)(event.c.occurred_at)
        return select(func.coalesce(_local(compiler, moment), "never")).where(*conditions)
    if isinstance(leaf, schema.EventMeasure):
        value = func.coalesce(cast(compiler.measure(event, leaf), Text), "not set")
        return select(value + " over " + _number()).where(*conditions)
    return select(_number_and_newest(compiler, event)).where(*conditions)


def _events(compiler: Compiler, name: str, where: Any, window: Any, contact_id: int) -> Select[Any]:
    count = schema.EventCount(type="event_count", event=name, where=where, window=window)
    return _events_of(compiler, count, contact_id)


def _number() -> Sql:
    return cast(func.count(), Text) + case((func.count() == 1, " event"), else_=" events")


def _number_and_newest(compiler: Compiler, event: Any) -> Sql:
    return _number() + func.coalesce(", the last on " + _local(compiler, func.max(event.c.occurred_at)), "")


def _entry(compiler: Compiler, relation: Relation, key: str, since: str, contact_id: int) -> Select[Any]:
    """Since when the contact is a member of a segment, or on a list."""
    entry = relation_as(relation, "entry", *(column(name) for name in ("segment_id", "contact_id", since)))
    segment_id = bindparam(None, compiler.catalogue.segments[key].segment_id, BigInteger)
    return select(func.coalesce("since " + _local(compiler, func.max(entry.c[since])), "not in it")).where(
        entry.c.segment_id == segment_id, entry.c.contact_id == contact_id
    )


def _recorded(compiler: Compiler, leaf: schema.AttributeCondition, contact_id: int) -> Sql:
    version = compiler.versions(leaf.attribute)
    newest = (
        select(func.max(version.c.valid_from)).where(version.c.contact_id == contact_id, version.c.valid_to.is_(None))
    ).scalar_subquery()
    return func.coalesce(", recorded since " + _local(compiler, newest), ", not yet recorded")


def _local(compiler: Compiler, moment: Any) -> Sql:
    return func.to_char(func.timezone(compiler.catalogue.time_zone, moment), "YYYY-MM-DD HH24:MI")
