"""What the wizard holds in the session until it is saved, and what it saves."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from activation.campaigns.rules import DEFAULTS, SendingRules

HOUR = 60
BROADCAST, AUTOMATION = "broadcast", "recurring"


@dataclass
class Draft:
    """`key` is set once it was saved. Hours are of the recipient's day; `at` is a wall clock in `time_zone`, None for now."""

    time_zone: str
    key: str | None = None
    state: str = "draft"
    name: str = ""
    segment: str | None = None
    excluded: list[str] = field(default_factory=list)
    holdout: float = 0.0
    topic: str | None = None
    template: str | None = None
    throttled: bool = False
    per_minute: int = 600
    priority: int = DEFAULTS.priority
    ignores_caps: bool = False
    counts_towards_caps: bool = True
    quiet: bool = False
    quiet_from: time = time(21)
    quiet_until: time = time(8)
    windowed: bool = False
    window_from: time = time(9)
    window_until: time = time(18)
    days: list[int] = field(default_factory=lambda: list(range(1, 8)))
    deadline_hours: int = DEFAULTS.deadline_minutes // HOUR
    late_minutes: int = DEFAULTS.window_minutes
    kind: str = BROADCAST
    at: datetime | None = None
    cron: str | None = "0 9 * * 1"
    step: int = 0

    def rules(self) -> SendingRules:
        """The rules as filled in. Raises Refused with everything that is wrong."""
        return SendingRules(
            topic=self.topic,
            priority=self.priority,
            messages_per_minute=self.per_minute if self.throttled else None,
            ignores_caps=self.ignores_caps,
            counts_towards_caps=self.counts_towards_caps,
            holdout_percent=self.holdout,
            excluded_segments=tuple(self.excluded),
            quiet_hours=(self.quiet_from, self.quiet_until) if self.quiet else None,
            send_window=(self.window_from, self.window_until) if self.windowed else None,
            window_days=tuple(self.days) if len(self.days) < 7 else None,  # noqa: PLR2004 - days of a week
            deadline_minutes=self.deadline_hours * HOUR,
            window_minutes=self.late_minutes,
        )

    def saved_as(self) -> dict[str, Any]:
        """The arguments of commands.create."""
        at = self.at.replace(tzinfo=ZoneInfo(self.time_zone)).astimezone(UTC) if self.at else None
        return {
            "name": self.name, "segment": self.segment, "template": self.template, "time_zone": self.time_zone, "rules": self.rules(),
            "at": at if self.kind == BROADCAST else None, "cron": self.cron if self.kind == AUTOMATION else None,
        }  # fmt: skip

    def changed_to(self, now: datetime) -> dict[str, Any]:
        """The arguments of commands.update, for which no time means the old one: at once is a time, too."""
        given = self.saved_as()
        return given | {"at": given["at"] or now} if self.kind == BROADCAST else given

    def said(self) -> tuple[Any, ...]:
        """Everything that saving depends on: equal when there is nothing to save."""
        return tuple(str(value) for name, value in asdict(self).items() if name not in ("step", "key", "state"))

    @staticmethod
    def of(row: dict[str, Any], now: datetime) -> Draft:
        """The campaign of a row of the query `settings`. A time that has passed means at once."""
        zone = row["time_zone"]
        draft = Draft(
            zone, row["key"], row["state"], row["name"], row["segment"], list(row["excluded_segments"]), row["holdout_percent"],
            row["topic"], row["template"], row["messages_per_minute"] is not None, int(row["messages_per_minute"] or 600), row["priority"],
            row["ignores_caps"], row["counts_towards_caps"], deadline_hours=max(1, row["deadline_minutes"] // HOUR),
            late_minutes=row["window_minutes"], kind=row["kind"], cron=row["cron"] or "0 9 * * 1",
        )  # fmt: skip
        if row["quiet_from"] is not None:
            draft.quiet, draft.quiet_from, draft.quiet_until = True, row["quiet_from"], row["quiet_until"]
        if row["window_from"] is not None:
            draft.windowed, draft.window_from, draft.window_until = True, row["window_from"], row["window_until"]
        if row["window_days"]:
            draft.days = list(row["window_days"])
        if row["kind"] == BROADCAST and row["next_run_at"] is not None and row["next_run_at"] > now:
            draft.at = row["next_run_at"].astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        return draft
