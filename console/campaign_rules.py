"""The options of `engage campaign create` and `update` that set a campaign's rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from typing import Any

import typer

from activation.campaigns.rules import SendingRules
from activation.errors import Refused

TOPIC = typer.Option(None, help="key of a topic: `engage topic list`")
PRIORITY = typer.Option(None, help="0 to 100: who gets the last slot under a frequency cap")
PER_MINUTE = typer.Option(None, help="throttle, messages a minute")
IGNORE_CAPS = typer.Option(None, "--ignore-caps/--heed-caps", help="whether it is sent to people at their cap, too")
COUNT_CAPS = typer.Option(None, "--count-towards-caps/--count-not", help="whether it uses up slots under the cap")
HOLDOUT = typer.Option(None, help="percent who never get it, to measure what it does")
EXCLUDE = typer.Option(None, help="key of a segment that is left out; may be given again")
QUIET = typer.Option(None, help="quiet hours in the recipient's zone, e.g. 21:00-08:00")
WINDOW = typer.Option(None, help="only between these hours of the recipient's day, e.g. 09:00-18:00")
DAYS = typer.Option(None, help="only on these weekdays, e.g. 1-5 or 6,7; Monday is 1")
DEADLINE = typer.Option(None, help="minutes after its time when nothing more leaves")


def changed(
    rules: SendingRules,
    *,
    topic: str | None = None,
    priority: int | None = None,
    per_minute: int | None = None,
    ignore_caps: bool | None = None,
    count_caps: bool | None = None,
    holdout: float | None = None,
    exclude: list[str] | None = None,
    quiet: str | None = None,
    window: str | None = None,
    days: str | None = None,
    deadline: int | None = None,
) -> SendingRules:
    """The rules with the options that were given. Raises Refused for what cannot be read or cannot be."""
    given: dict[str, Any] = {
        "topic": topic,
        "priority": priority,
        "messages_per_minute": per_minute,
        "ignores_caps": ignore_caps,
        "counts_towards_caps": count_caps,
        "holdout_percent": holdout,
        "excluded_segments": tuple(exclude) if exclude else None,
        "quiet_hours": _hours(quiet) if quiet else None,
        "send_window": _hours(window) if window else None,
        "window_days": _days(days) if days else None,
        "deadline_minutes": deadline,
    }
    return replace(rules, **{name: value for name, value in given.items() if value is not None})


def _hours(text: str) -> tuple[time, time]:
    begins, _, ends = text.partition("-")
    try:
        return time.fromisoformat(begins.strip()), time.fromisoformat(ends.strip())
    except ValueError:
        raise Refused(f"{text!r} are no hours. Write them as 21:00-08:00.") from None


def _days(text: str) -> tuple[int, ...]:
    chosen: set[int] = set()
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            chosen.update(range(int(first), int(last or first) + 1))
    except ValueError:
        raise Refused(f"{text!r} are no weekdays. Write them as 1-5 or 6,7; Monday is 1.") from None
    return tuple(sorted(chosen))
