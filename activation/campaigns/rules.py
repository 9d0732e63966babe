"""The rules of a campaign that a person sets: how fast, when in the recipient's day, and who is left out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from typing import Any

from activation.errors import Refused

DAYS = range(1, 8)  # Monday = 1, as in ISO 8601


@dataclass(frozen=True)
class SendingRules:
    """What decides besides consent and suppression. Hours are of the recipient's own day and may pass midnight."""

    topic: str | None = None
    priority: int = 50
    messages_per_minute: int | None = None
    ignores_caps: bool = False
    counts_towards_caps: bool = True
    holdout_percent: float = 0.0
    excluded_segments: tuple[str, ...] = ()
    quiet_hours: tuple[time, time] | None = None
    send_window: tuple[time, time] | None = None
    window_days: tuple[int, ...] | None = None
    deadline_minutes: int = 1440
    window_minutes: int = 1440

    def __post_init__(self) -> None:
        problems = [words for is_wrong, words in self._problems() if is_wrong]
        if problems:
            raise Refused(" ".join(problems))

    def _problems(self) -> list[tuple[Any, str]]:
        days = self.window_days
        return [
            (not 0 <= self.priority <= 100, "The priority is a number from 0 to 100; the higher goes first."),  # noqa: PLR2004
            (
                self.messages_per_minute is not None and self.messages_per_minute < 1,
                "The throttle is at least one message per minute; leave it out for no throttle.",
            ),
            (not 0 <= self.holdout_percent <= 100, "The hold-out is a percentage from 0 to 100."),  # noqa: PLR2004
            (
                self.quiet_hours and self.quiet_hours[0] == self.quiet_hours[1],
                "Quiet hours begin and end at the same minute: give two different ones.",
            ),
            (
                self.send_window and self.send_window[0] == self.send_window[1],
                "The send window begins and ends at the same minute: give two different ones.",
            ),
            (
                days is not None and (not days or not set(days) <= set(DAYS)),
                "Weekdays are numbers from 1 (Monday) to 7 (Sunday), at least one of them.",
            ),
            (self.deadline_minutes < 1, "The deadline is at least a minute after the campaign's time."),
            (self.window_minutes < 1, "The window for a late start is at least a minute."),
        ]


DEFAULTS = SendingRules()
