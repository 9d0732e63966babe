"""The operator table: what can be asked, of what, with which arguments, and what it does with the missing.

Compiler, validation, builder screen and docs/segment-operators.md all read it. A value that is missing, NULL or blank is
"not set", and so is one of the wrong type; every comparison with it is false, and so is the comparison's opposite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from activation.segments.rules import comparisons as compare
from activation.segments.rules.comparisons import Operand, Times

TYPES = ("string", "numeric", "boolean", "date", "timestamp", "array")
DATES = ("date", "timestamp")

FALSE_WHEN_NOT_SET = "false when the value is not set or of another type"
NO_TIME = "no days are involved"
ROLLING = "N × 24 hours from the moment of evaluation; a date counts as its first instant in the workspace's zone"
OF_THE_FIRST = "N × 24 hours from the first event; its window as for did"
DAYS = "days begin and end in the workspace's zone"

Sql = Callable[[Operand, Mapping[str, Any], Times], Any]


@dataclass(frozen=True)
class Operator:
    """One line of the table. `arguments` are the fields that must be given, and no others may.

    `sql` is there for comparisons of one value; the other subjects are compiled by their own functions.
    """

    name: str
    label: str
    subject: str
    arguments: tuple[str, ...]
    words: str
    types: tuple[str, ...] = ()
    when_not_set: str = FALSE_WHEN_NOT_SET
    time_zone: str = NO_TIME
    sql: Sql | None = None


def _comparison(
    name: str, label: str, types: tuple[str, ...], arguments: tuple[str, ...], sql: Sql, words: str, **more: str
) -> Operator:
    return Operator(name, label, "value", arguments, words, types=types, sql=sql, **more)


COMPARISONS: tuple[Operator, ...] = (
    _comparison(
        "equals", "is", ("string", "numeric", "boolean", *DATES), ("value",), compare.equals,
        "The same: text without regard to case or blanks around it; a timestamp is compared with a date by its day.",
        time_zone=DAYS,
    ),
    _comparison(
        "not_equals", "is not", ("string", "numeric", "boolean", *DATES), ("value",), compare.not_equals,
        "Set, and not the same.", time_zone=DAYS,
    ),
    _comparison(
        "in", "is one of", ("string", "numeric", *DATES), ("values",), compare.is_in,
        "The same as one of the values.", time_zone=DAYS,
    ),
    _comparison(
        "not_in", "is none of", ("string", "numeric", *DATES), ("values",), compare.is_not_in,
        "Set, and the same as none of the values.", time_zone=DAYS,
    ),
    _comparison(
        "contains", "contains", ("string",), ("value",), compare.contains, "The text is somewhere in it, in any case.",
    ),
    _comparison(
        "not_contains", "does not contain", ("string",), ("value",), compare.not_contains,
        "Set, and the text is nowhere in it.",
    ),
    _comparison("starts_with", "starts with", ("string",), ("value",), compare.starts_with, "Begins with the text."),
    _comparison("ends_with", "ends with", ("string",), ("value",), compare.ends_with, "Ends with the text."),
    _comparison(
        "matches", "matches", ("string",), ("value",), compare.matches,
        "A POSIX regular expression is found in it, in any case.",
    ),
    _comparison(
        "is_set", "is set", TYPES, (), compare.is_set, "There is a value: not missing, NULL, blank or an empty list.",
        when_not_set="false: that is the question; a value of another type counts as set",
    ),
    _comparison(
        "is_not_set", "is not set", TYPES, (), compare.is_not_set, "There is no value.",
        when_not_set="true: that is the question; a value of another type counts as set",
    ),
    _comparison("less_than", "<", ("numeric",), ("value",), compare.less_than, "Less than the number."),
    _comparison("at_most", "≤", ("numeric",), ("value",), compare.at_most, "Less than the number or equal to it."),
    _comparison("greater_than", ">", ("numeric",), ("value",), compare.greater_than, "More than the number."),
    _comparison("at_least", "≥", ("numeric",), ("value",), compare.at_least, "More than the number or equal to it."),
    _comparison(
        "between", "is between", ("numeric", *DATES), ("low", "high"), compare.between,
        "From low to high, both included; dates with the whole of the last day.", time_zone=DAYS,
    ),
    _comparison(
        "before", "is before", DATES, ("value",), compare.before, "Earlier than the date's first instant.",
        time_zone=DAYS,
    ),
    _comparison(
        "after", "is after", DATES, ("value",), compare.after, "Later than the date's last instant.", time_zone=DAYS,
    ),
    _comparison(
        "in_last_days", "is in the last … days", DATES, ("days",), compare.in_last_days,
        "From N × 24 hours ago up to now.", time_zone=ROLLING,
    ),
    _comparison(
        "in_next_days", "is in the next … days", DATES, ("days",), compare.in_next_days,
        "Later than now, up to N × 24 hours ahead.", time_zone=ROLLING,
    ),
    _comparison(
        "more_than_days_ago", "is more than … days ago", DATES, ("days",), compare.more_than_days_ago,
        "Earlier than N × 24 hours ago.", time_zone=ROLLING,
    ),
    _comparison(
        "in_last_calendar_days", "is in the last … calendar days", DATES, ("days",), compare.in_last_calendar_days,
        "Today or one of the N − 1 days before, up to now.", time_zone=DAYS,
    ),
    _comparison(
        "anniversary_in", "has its anniversary in exactly … days", DATES, ("days",), compare.anniversary_in,
        "Month and day are those of the day in N days (0 is today, at most 364); the day itself is no anniversary. "
        "29 February is kept on the 28th in other years.",
        time_zone=DAYS,
    ),
    _comparison(
        "anniversary_within", "has its anniversary within … days", DATES, ("days",), compare.anniversary_within,
        "The same for any day from today to N days ahead.", time_zone=DAYS,
    ),
    _comparison("is_true", "is true", ("boolean",), (), compare.is_true, "True."),
    _comparison("is_false", "is false", ("boolean",), (), compare.is_false, "False; not set is not false."),
    _comparison(
        "contains_any", "contains any of", ("array",), ("values",), compare.contains_any,
        "At least one entry is one of the values, in any case.",
    ),
    _comparison(
        "contains_all", "contains all of", ("array",), ("values",), compare.contains_all,
        "Each of the values is an entry.",
    ),
    _comparison(
        "contains_none", "contains none of", ("array",), ("values",), compare.contains_none,
        "Has entries, and none of them is one of the values.",
    ),
)  # fmt: skip

HISTORY = (
    Operator(
        "has_been", "has been … for at least … days", "attribute", ("value", "days"),
        "Equal to the value now and without interruption since N × 24 hours ago, as far as it was recorded.",
        types=("string", "numeric", "boolean"), time_zone=ROLLING,
        when_not_set="false; also false for the time before recording began",
    ),
)  # fmt: skip

BEHAVIOUR = (
    Operator(
        "did", "did", "event_count", ("times", "count"),
        "At least, at most or exactly so many events of the window that meet the property conditions.",
        when_not_set="people without any such event did it 0 times: at most k and exactly 0 include them",
        time_zone="last_days is N × 24 hours; calendar days and dates begin and end in the workspace's zone",
    ),
    Operator(
        "did_not", "did not", "event_count", (), "Exactly 0 such events.",
        when_not_set="true for people without any event", time_zone="as for did",
    ),
    Operator(
        "first_time", "did for the first time", "event_time", ("compare",),
        "The time of the first such event, compared as a timestamp.",
        when_not_set="false for people who never did", time_zone="as for the comparison",
    ),
    Operator(
        "last_time", "did for the last time", "event_time", ("compare",),
        "The time of the last such event, compared as a timestamp.",
        when_not_set="false for people who never did", time_zone="as for the comparison",
    ),
    *(
        Operator(
            name, f"{label} of", "event_measure", ("property", "compare"),
            f"The {label} of a numeric property over such events, compared as a number.",
            when_not_set="events where it is not set or no number are left out; false for people without any left",
            time_zone="as for did",
        )
        for name, label in (("sum", "sum"), ("average", "average"), ("minimum", "minimum"), ("maximum", "maximum"))
    ),
    Operator(
        "did_then", "did … and then", "event_sequence", ("then", "within_days"),
        "Some event of the window, and a second one strictly later and within N × 24 hours of it.",
        when_not_set="false for people who did not do both", time_zone=OF_THE_FIRST,
    ),
    Operator(
        "did_not_then", "did not … and then", "event_sequence", ("then", "within_days"),
        "There is no such pair of events.", when_not_set="true for people without any event", time_zone=OF_THE_FIRST,
    ),
)  # fmt: skip

MEMBERSHIP = (
    Operator(
        "in_segment",
        "is in the segment",
        "segment",
        (),
        "A member of it at its last refresh.",
        when_not_set="nobody is in a segment that was never refreshed",
    ),
    Operator("not_in_segment", "is not in the segment", "segment", (), "No member of it.", when_not_set="true"),
    Operator("in_list", "is in the list", "list", (), "On the uploaded list.", when_not_set="false"),
    Operator("not_in_list", "is not in the list", "list", (), "Not on the uploaded list.", when_not_set="true"),
)

CAMPAIGNS = tuple(
    Operator(
        name, label, "campaign", (), words, when_not_set=missing,
        time_zone="a window as for did; without one, ever",
    )
    for name, label, words, missing in (
        ("was_sent", "was sent", "A provider accepted a message of the campaign for the person.", "false"),
        ("opened", "opened", "Opened a message of the campaign, people and machines alike.", "false"),
        ("clicked", "clicked", "Clicked in a message of the campaign, people and machines alike.", "false"),
        ("was_not_sent", "was not sent", "No message of the campaign was accepted for the person.", "true"),
        ("did_not_open", "did not open", "Opened none, also because none was sent.", "true"),
        ("did_not_click", "did not click", "Clicked in none, also because none was sent.", "true"),
    )
)  # fmt: skip

OTHERS = (
    Operator(
        "stage_is", "has a deal in stage", "funnel", ("stages",),
        "At least one of the person's deals is in one of the stages: the newest change of stage of each deal decides.",
        when_not_set="false for people without a deal",
    ),
    Operator(
        "stage_is_not", "has no deal in stage", "funnel", ("stages",), "None of the person's deals is.",
        when_not_set="true for people without a deal",
    ),
    Operator(
        "in_bucket", "is in the random share", "bucket", ("seed", "percent"),
        "md5 of seed and contact id, mod 10,000, is below 100 × percent: the same people each time for the same seed, "
        "and independent of other seeds.",
        when_not_set="everybody has a place",
    ),
)  # fmt: skip

OPERATORS: tuple[Operator, ...] = (*COMPARISONS, *HISTORY, *BEHAVIOUR, *MEMBERSHIP, *CAMPAIGNS, *OTHERS)
BY_NAME: Mapping[str, Operator] = {operator.name: operator for operator in OPERATORS}


def for_type(kind: str) -> tuple[Operator, ...]:
    """The comparisons that a value of this type takes."""
    return tuple(operator for operator in COMPARISONS if kind in operator.types)
