"""docs/segment-operators.md, written from the operator table."""

from __future__ import annotations

from collections.abc import Iterable

from activation.segments.rules.operators import BEHAVIOUR, CAMPAIGNS, COMPARISONS, HISTORY, MEMBERSHIP, OTHERS, Operator

HEAD = """\
# Operators of segment rules

Written by `engage segment operators --write` from the table that compiler, validation and builder read; a test keeps it current.

- A value that is missing, NULL or blank is **not set**, and so is one of another type. A comparison with it is false, and
  so is the opposite comparison: "is not Rome" is false for people without a city.
- `not` around a group is plain negation: it includes everybody of whom the group is not true, also those of whom nothing is known.
- Text is compared without regard to case and to blanks around it.
- A date is a whole day of the workspace's time zone; "in the last N days" is N × 24 hours back from the moment of evaluation.
- Nothing that lies after the moment of evaluation counts as done.
"""

EXAMPLE = """\
## A rule tree

```json
{
  "version": 1,
  "where": {
    "type": "and",
    "conditions": [
      {"type": "attribute", "attribute": "plan", "operator": "equals", "value": "pro"},
      {"type": "attribute", "attribute": "city", "operator": "in", "values": ["Rome", "Paris"]},
      {"type": "event_count", "event": "email_opened", "window": {"last_days": 30}},
      {"type": "event_count", "event": "order_created", "operator": "did_not", "window": {"last_days": 60}},
      {"type": "segment", "segment": "vip_customers", "operator": "not_in_segment"}
    ]
  }
}
```

Windows: `{"last_days": 30}`, `{"last_calendar_days": 7}`, `{"since": "2026-01-01", "until": "2026-03-31"}`, or none for ever.
Properties of events: `"where": [{"property": "status", "operator": "equals", "value": "paid"}]`; `value` and `currency` are
properties of every event. The JSON Schema is printed by `engage segment operators --schema`.
"""

GROUPS: tuple[tuple[str, str, tuple[Operator, ...]], ...] = (
    (
        "Comparisons",
        "of attributes (`attribute`), properties of events (`where`) and measures (`compare`)",
        COMPARISONS,
    ),
    ("The past of an attribute", "condition type `attribute`", HISTORY),
    ("Behaviour", "condition types `event_count`, `event_time`, `event_measure`, `event_sequence`", BEHAVIOUR),
    ("Segments and lists", "condition types `segment` and `list`", MEMBERSHIP),
    ("Campaigns", "condition type `campaign`", CAMPAIGNS),
    ("Others", "condition types `funnel` and `bucket`", OTHERS),
)


def markdown() -> str:
    """The whole page."""
    return "\n".join([HEAD, EXAMPLE, *(_group(*group) for group in GROUPS)])


def _group(title: str, where: str, operators: Iterable[Operator]) -> str:
    rows = [
        f"| `{each.name}` | {each.label} | {', '.join(each.types) or '–'} | {', '.join(f'`{name}`' for name in each.arguments) or '–'} "
        f"| {each.words} | {each.when_not_set} | {each.time_zone} |"
        for each in operators
    ]
    head = "| operator | reads | types | takes | means | not set, or of another type | days |\n|---|---|---|---|---|---|---|"
    return f"## {title}\n\n{where[0].upper()}{where[1:]}.\n\n{head}\n" + "\n".join(rows) + "\n"
