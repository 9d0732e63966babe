"""The shape of a rule tree, version 1. What the words mean is said by the operator table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from activation.segments.problems import Problem

DEEPEST = 60
MOST_CONDITIONS = 1000
LONGEST_WINDOW_DAYS = 36_500


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("holds a NUL character, which no text in the database can hold")
    return text


Text = Annotated[str, Field(max_length=1000), AfterValidator(_without_nul)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_without_nul)]
Scalar = bool | int | float | Text
Days = Annotated[int, Field(ge=0, le=LONGEST_WINDOW_DAYS)]
Stage = Name


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Comparison(_Strict):
    """An operator of the table and the arguments that it takes."""

    operator: Name
    value: Scalar | None = None
    values: Annotated[list[Scalar], Field(min_length=1, max_length=10_000)] | None = None
    low: Scalar | None = None
    high: Scalar | None = None
    days: Days | None = None

    def arguments(self) -> dict[str, Any]:
        """Those that were given, by name."""
        given = {name: getattr(self, name) for name in ("value", "values", "low", "high", "days")}
        return {name: value for name, value in given.items() if value is not None}


class PropertyCondition(Comparison):
    """A comparison with a property of an event; `value` and `currency` are properties of every event."""

    property: Name


class Window(_Strict):
    """When events count: `last_days` is rolling; calendar days and dates are days of the workspace's zone."""

    last_days: Annotated[int, Field(ge=1, le=LONGEST_WINDOW_DAYS)] | None = None
    last_calendar_days: Annotated[int, Field(ge=1, le=LONGEST_WINDOW_DAYS)] | None = None
    since: date | None = None
    until: date | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Window:
        ways = [self.last_days is not None, self.last_calendar_days is not None, bool(self.since or self.until)]
        if sum(ways) != 1:
            raise ValueError("a window is one of last_days, last_calendar_days, or since and/or until")
        if self.since and self.until and self.since > self.until:
            raise ValueError(f"the window ends ({self.until}) before it begins ({self.since})")
        return self


class And(_Strict):
    """All of the conditions."""

    type: Literal["and"]
    conditions: Annotated[list[Node], Field(min_length=1)]


class Or(_Strict):
    """At least one of the conditions."""

    type: Literal["or"]
    conditions: Annotated[list[Node], Field(min_length=1)]


class Not(_Strict):
    """Everybody of whom the condition is not true; so it includes those of whom nothing is known."""

    type: Literal["not"]
    condition: Node


class AttributeCondition(Comparison):
    """A comparison with a published attribute of the contact."""

    type: Literal["attribute"]
    attribute: Name


class EventCount(_Strict):
    """Did it at least, at most or exactly so many times; did_not is exactly 0."""

    type: Literal["event_count"]
    event: Name
    operator: Literal["did", "did_not"] = "did"
    times: Literal["at_least", "at_most", "exactly"] = "at_least"
    count: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    window: Window | None = None
    where: list[PropertyCondition] = []

    @model_validator(mode="after")
    def _did_not_counts_nothing(self) -> EventCount:
        if self.operator == "did_not" and (self.times, self.count) != ("at_least", 1):
            raise ValueError("did_not takes no times and no count: it is exactly 0")
        return self


class EventTime(_Strict):
    """The first or last time of an event, compared as a timestamp."""

    type: Literal["event_time"]
    event: Name
    operator: Literal["first_time", "last_time"]
    compare: Comparison
    where: list[PropertyCondition] = []


class EventMeasure(_Strict):
    """Sum, average, minimum or maximum of a numeric property over the events of a window."""

    type: Literal["event_measure"]
    event: Name
    operator: Literal["sum", "average", "minimum", "maximum"]
    property: Name = "value"
    compare: Comparison
    window: Window | None = None
    where: list[PropertyCondition] = []


class EventSequence(_Strict):
    """Some first event followed by some second one, strictly later and within so many days of it."""

    type: Literal["event_sequence"]
    event: Name
    then: Name
    operator: Literal["did_then", "did_not_then"] = "did_then"
    within_days: Annotated[int, Field(ge=1, le=LONGEST_WINDOW_DAYS)]
    window: Window | None = None
    where: list[PropertyCondition] = []
    then_where: list[PropertyCondition] = []


class SegmentCondition(_Strict):
    """Membership of another segment at its last refresh."""

    type: Literal["segment"]
    segment: Name
    operator: Literal["in_segment", "not_in_segment"] = "in_segment"


class ListCondition(_Strict):
    """Being in the uploaded list of a manual segment."""

    type: Literal["list"]
    list: Name
    operator: Literal["in_list", "not_in_list"] = "in_list"


class CampaignCondition(_Strict):
    """What a campaign sent and what became of it."""

    type: Literal["campaign"]
    campaign: Name
    operator: Literal["was_sent", "opened", "clicked", "was_not_sent", "did_not_open", "did_not_click"]
    window: Window | None = None


class FunnelCondition(_Strict):
    """Being in one of these stages of a funnel now: with any of the person's deals."""

    type: Literal["funnel"]
    funnel: Literal["sales"] = "sales"
    operator: Literal["stage_is", "stage_is_not"] = "stage_is"
    stages: Annotated[list[Stage], Field(min_length=1, max_length=100)]


class BucketCondition(_Strict):
    """A share of all contacts, the same people each time for the same seed."""

    type: Literal["bucket"]
    operator: Literal["in_bucket"] = "in_bucket"
    seed: Name
    percent: Annotated[float, Field(ge=0, le=100)]


Leaf = (
    AttributeCondition
    | EventCount
    | EventTime
    | EventMeasure
    | EventSequence
    | SegmentCondition
    | ListCondition
    | CampaignCondition
    | FunnelCondition
    | BucketCondition
)
Node = Annotated[
    And
    | Or
    | Not
    | AttributeCondition
    | EventCount
    | EventTime
    | EventMeasure
    | EventSequence
    | SegmentCondition
    | ListCondition
    | CampaignCondition
    | FunnelCondition
    | BucketCondition,
    Field(discriminator="type"),
]


class RuleTree(_Strict):
    """Who is in: everybody of whom `where` is true."""

    version: Literal[1] = 1
    where: Node


for _model in (And, Or, Not, RuleTree):
    _model.model_rebuild()


def parse(definition: object) -> tuple[RuleTree | None, list[Problem]]:
    """The tree, or what keeps the definition from being one, each problem with its place in the tree."""
    if problem := _too_large(definition):
        return None, [problem]
    try:
        return RuleTree.model_validate(definition), []
    except ValidationError as error:
        return None, [
            Problem(_place(found["loc"]), _words(found))
            for found in error.errors(include_url=False, include_input=False)
        ]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a rule tree, for editors and other programs."""
    return RuleTree.model_json_schema()


def leaves(node: Any, path: str = "where") -> Iterator[tuple[str, Leaf]]:
    """Every condition of a tree with its place, left to right."""
    if isinstance(node, RuleTree):
        yield from leaves(node.where, path)
    elif isinstance(node, And | Or):
        for number, child in enumerate(node.conditions, start=1):
            yield from leaves(child, f"{path}.conditions[{number}]")
    elif isinstance(node, Not):
        yield from leaves(node.condition, f"{path}.condition")
    else:
        yield path, node


def _too_large(definition: object) -> Problem | None:
    """Counts without recursion, so that a hostile depth cannot exhaust the stack."""
    stack, conditions = [(definition, 0)], 0
    while stack:
        value, depth = stack.pop()
        if isinstance(value, dict):
            conditions += "type" in value
            children = (
                [value.get("where"), value.get("condition"), *(value.get("conditions") or [])]
                if (isinstance(value.get("conditions") or [], list))
                else []
            )
            stack.extend((child, depth + 1) for child in children if isinstance(child, dict))
        if depth > DEEPEST:
            return Problem(
                "where", f"the tree is deeper than {DEEPEST} levels: split it into segments that refer to each other"
            )
        if conditions > MOST_CONDITIONS:
            return Problem(
                "where", f"the tree has more than {MOST_CONDITIONS} conditions: use a list or several segments"
            )
    return None


def _place(location: tuple[int | str, ...]) -> str:
    kinds = {"and", "or", "not", "attribute", "event_count", "event_time", "event_measure", "event_sequence"}
    kinds |= {"segment", "list", "campaign", "funnel", "bucket"}
    place, previous = "", ""
    for part in location:
        if isinstance(part, int):
            place += f"[{part + 1}]"
        elif part not in kinds or (previous not in {"where", "condition", ""} and not place.endswith("]")):
            place += f".{part}" if place else part
        previous = str(part)
    return place or "where"


def _words(found: Any) -> str:
    message = str(found["msg"]).removeprefix("Value error, ")
    return {
        "extra_forbidden": "is not known here: remove it, or see docs/segment-operators.md for what this condition takes",
        "missing": "is missing",
        "union_tag_invalid": f"{message}; `type` says which kind of condition it is",
    }.get(str(found["type"]), message)
