"""What a rule tree means, said slowly and obviously, one contact at a time: the compiler is held against it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

BLANKS = " \t\r\n"


@dataclass
class World:
    attributes: dict[str, str]
    zone: str
    contacts: list[dict] = field(default_factory=list)
    events: list[dict] = field(default_factory=list)
    members: dict[str, set[int]] = field(default_factory=dict)
    lists: dict[str, set[int]] = field(default_factory=dict)
    message_events: list[dict] = field(default_factory=list)
    history: list[dict] = field(default_factory=list)


class Oracle:
    def __init__(self, world: World, at: datetime) -> None:
        self.world, self.at, self.zone = world, at, ZoneInfo(world.zone)
        self.today = at.astimezone(self.zone).date()

    def members(self, tree: dict) -> set[int]:
        return {contact["contact_id"] for contact in self.world.contacts if self.true(tree["where"], contact)}

    def true(self, node: dict, contact: dict) -> bool:
        kind = node["type"]
        if kind == "and":
            return all(self.true(child, contact) for child in node["conditions"])
        if kind == "or":
            return any(self.true(child, contact) for child in node["conditions"])
        if kind == "not":
            return not self.true(node["condition"], contact)
        return getattr(self, kind)(node, contact)

    # -- leaves

    def attribute(self, node: dict, contact: dict) -> bool:
        kind = self.world.attributes[node["attribute"]]
        if node["operator"] == "has_been":
            return self._has_been(node, contact, kind)
        return self.compare(contact.get(node["attribute"]), kind, node)

    def _has_been(self, node: dict, contact: dict, kind: str) -> bool:
        equal = {"operator": "equals", "value": node["value"]}
        since = self.at - timedelta(days=node["days"])
        touching = [
            version
            for version in self.world.history
            if version["contact_id"] == contact["contact_id"]
            and version["valid_from"] <= self.at
            and (version["valid_to"] is None or version["valid_to"] > since)
        ]
        return (
            self.compare(contact.get(node["attribute"]), kind, equal)
            and bool(touching)
            and all(self.compare(version[node["attribute"]], kind, equal) for version in touching)
            and min(version["valid_from"] for version in touching) <= since
        )

    def event_count(self, node: dict, contact: dict) -> bool:
        number = len(self.matching(contact, node["event"], node.get("where", []), node.get("window")))
        if node.get("operator", "did") == "did_not":
            return number == 0
        count = node.get("count", 1)
        return {"at_least": number >= count, "at_most": number <= count, "exactly": number == count}[
            node.get("times", "at_least")
        ]

    def event_time(self, node: dict, contact: dict) -> bool:
        times = [event["occurred_at"] for event in self.matching(contact, node["event"], node.get("where", []), None)]
        if not times:
            return False
        return self.compare(
            min(times) if node["operator"] == "first_time" else max(times), "timestamp", node["compare"]
        )

    def event_measure(self, node: dict, contact: dict) -> bool:
        events = self.matching(contact, node["event"], node.get("where", []), node.get("window"))
        values = [
            value
            for event in events
            if (value := self.property(event, node.get("property", "value"), "numeric")) is not None
        ]
        if not values:
            return False
        total = sum(values, Decimal(0))
        measure = {"sum": total, "average": total / len(values), "minimum": min(values), "maximum": max(values)}
        return self.compare(measure[node["operator"]], "numeric", node["compare"])

    def event_sequence(self, node: dict, contact: dict) -> bool:
        firsts = self.matching(contact, node["event"], node.get("where", []), node.get("window"))
        seconds = self.matching(contact, node["then"], node.get("then_where", []), None)
        did = any(
            first["occurred_at"] < second["occurred_at"] <= first["occurred_at"] + timedelta(days=node["within_days"])
            for first in firsts
            for second in seconds
        )
        return did == (node.get("operator", "did_then") == "did_then")

    def segment(self, node: dict, contact: dict) -> bool:
        inside = contact["contact_id"] in self.world.members.get(node["segment"], set())
        return inside == (node.get("operator", "in_segment") == "in_segment")

    def list(self, node: dict, contact: dict) -> bool:
        inside = contact["contact_id"] in self.world.lists.get(node["list"], set())
        return inside == (node.get("operator", "in_list") == "in_list")

    def campaign(self, node: dict, contact: dict) -> bool:
        positive = {"was_not_sent": "was_sent", "did_not_open": "opened", "did_not_click": "clicked"}
        question = positive.get(node["operator"], node["operator"])
        kind = {"was_sent": "sent", "opened": "opened", "clicked": "clicked"}[question]
        found = any(
            event["contact_id"] == contact["contact_id"]
            and event["campaign"] == node["campaign"]
            and event["type"] == kind
            and self.inside(event["occurred_at"], node.get("window"))
            for event in self.world.message_events
        )
        return found == (node["operator"] == question)

    def funnel(self, node: dict, contact: dict) -> bool:
        newest: dict = {}
        for event in sorted(self.world.events, key=lambda each: (each["occurred_at"], str(each["event_id"]))):
            if event["event_name"] == "deal_stage_changed" and self.inside(event["occurred_at"], None):
                newest[event["properties"].get("deal_id")] = event
        wanted = {stage.strip(BLANKS).lower() for stage in node["stages"]}
        inside = any(
            event["contact_id"] == contact["contact_id"]
            and str(event["properties"].get("to_stage") or "").strip(BLANKS).lower() in wanted
            for event in newest.values()
        )
        return inside == (node.get("operator", "stage_is") == "stage_is")

    def bucket(self, node: dict, contact: dict) -> bool:
        digest = hashlib.md5(f"{node['seed']}:{contact['contact_id']}".encode()).hexdigest()
        return int(digest[:8], 16) % 10_000 < round(node["percent"] * 100)

    # -- events

    def matching(self, contact: dict, name: str, where: list, window: dict | None) -> list[dict]:
        return [
            event
            for event in self.world.events
            if event["contact_id"] == contact["contact_id"]
            and event["event_name"] == name
            and self.inside(event["occurred_at"], window)
            and all(
                self.compare(self.property(event, each["property"], (kind := self.kind_of(each))), kind, each)
                for each in where
            )
        ]

    def inside(self, moment: datetime, window: dict | None) -> bool:
        if moment > self.at:
            return False
        window = window or {}
        if "last_days" in window:
            return moment >= self.at - timedelta(days=window["last_days"])
        day = moment.astimezone(self.zone).date()
        if "last_calendar_days" in window:
            return day > self.today - timedelta(days=window["last_calendar_days"])
        since, until = window.get("since"), window.get("until")
        return (not since or day >= date.fromisoformat(since)) and (not until or day <= date.fromisoformat(until))

    @staticmethod
    def kind_of(condition: dict) -> str:
        operator = condition["operator"]
        if operator in {"is_set", "is_not_set"}:
            return "any"
        if operator in {"contains", "not_contains", "starts_with", "ends_with", "matches"}:
            return "string"
        if operator in {"less_than", "at_most", "greater_than", "at_least"}:
            return "numeric"
        if operator in {"is_true", "is_false"}:
            return "boolean"
        if operator.startswith("contains_"):
            return "array"
        if operator in {"equals", "not_equals", "in", "not_in", "between"}:
            given = condition.get("value", condition.get("low", (condition.get("values") or [None])[0]))
            if isinstance(given, bool):
                return "boolean"
            if isinstance(given, int | float):
                return "numeric"
            return "timestamp" if operator == "between" else "string"
        return "timestamp"

    def property(self, event: dict, name: str, kind: str) -> object:
        """Of another type is not set."""
        if name in {"value", "currency"}:
            return event[name]
        value = event["properties"].get(name)
        if kind == "any":
            return value
        if kind == "numeric":
            return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None
        if kind == "boolean":
            return value if isinstance(value, bool) else None
        if kind == "array":
            return [str(entry) for entry in value] if isinstance(value, list) else None
        if not isinstance(value, str):
            return None
        return value if kind == "string" else self.instant(value)

    def instant(self, text: str) -> datetime | None:
        text = text.strip(BLANKS)
        if not re.match(r"^\d{4}-\d{2}-\d{2}", text):
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=self.zone)

    # -- one value

    def compare(self, value: object, kind: str, comparison: dict) -> bool:
        operator = comparison["operator"]
        is_set = value is not None and value != [] and not (isinstance(value, str) and not value.strip(BLANKS))
        if operator == "is_set":
            return is_set
        if operator == "is_not_set":
            return not is_set
        if not is_set:
            return False
        if kind in {"date", "timestamp"}:
            return self.compare_time(value, operator, comparison)
        if kind == "string":
            return self.compare_text(str(value).strip(BLANKS).lower(), operator, comparison, str(value).strip(BLANKS))
        if kind == "array":
            entries = {str(entry).strip(BLANKS).lower() for entry in value}
            wanted = {str(entry).strip(BLANKS).lower() for entry in comparison["values"]}
            return {
                "contains_any": bool(entries & wanted),
                "contains_all": wanted <= entries,
                "contains_none": not entries & wanted,
            }[operator]
        if kind == "boolean":
            wanted_flag = comparison.get("value", operator == "is_true")
            return (value is not wanted_flag) if operator == "not_equals" else value is wanted_flag
        return self.compare_number(Decimal(value), operator, comparison)

    @staticmethod
    def compare_text(value: str, operator: str, comparison: dict, trimmed: str) -> bool:
        wanted = str(comparison.get("value", "")).strip(BLANKS).lower()
        among = {str(each).strip(BLANKS).lower() for each in comparison.get("values") or []}
        return {
            "equals": lambda: value == wanted,
            "not_equals": lambda: value != wanted,
            "in": lambda: value in among,
            "not_in": lambda: value not in among,
            "contains": lambda: wanted in value,
            "not_contains": lambda: wanted not in value,
            "starts_with": lambda: value.startswith(wanted),
            "ends_with": lambda: value.endswith(wanted),
            "matches": lambda: re.search(comparison["value"], trimmed, re.IGNORECASE) is not None,
        }[operator]()

    @staticmethod
    def compare_number(value: Decimal, operator: str, comparison: dict) -> bool:
        number = {name: Decimal(str(comparison[name])) for name in ("value", "low", "high") if name in comparison}
        among = [Decimal(str(each)) for each in comparison.get("values") or []]
        return {
            "equals": lambda: value == number["value"],
            "not_equals": lambda: value != number["value"],
            "in": lambda: value in among,
            "not_in": lambda: value not in among,
            "less_than": lambda: value < number["value"],
            "at_most": lambda: value <= number["value"],
            "greater_than": lambda: value > number["value"],
            "at_least": lambda: value >= number["value"],
            "between": lambda: number["low"] <= value <= number["high"],
        }[operator]()

    def compare_time(self, value: object, operator: str, comparison: dict) -> bool:
        is_date = isinstance(value, date) and not isinstance(value, datetime)
        moment = datetime.combine(value, time(), self.zone).astimezone(UTC) if is_date else value
        day = moment.astimezone(self.zone).date()
        days = timedelta(days=comparison.get("days", 0))
        if operator.startswith("anniversary"):
            return self._anniversary(day, operator, comparison["days"])
        if operator == "in_last_calendar_days":
            return self.today - days < day and moment <= self.at
        if operator in {"in_last_days", "in_next_days", "more_than_days_ago"}:
            return {
                "in_last_days": self.at - days <= moment <= self.at,
                "in_next_days": self.at < moment <= self.at + days,
                "more_than_days_ago": moment < self.at - days,
            }[operator]
        if operator in {"in", "not_in"}:
            among = any(self._side(moment, day, each) == 0 for each in comparison["values"])
            return among == (operator == "in")
        if operator == "between":
            return self._side(moment, day, comparison["low"]) >= 0 and self._side(moment, day, comparison["high"]) <= 0
        side = self._side(moment, day, comparison["value"])
        return {"equals": side == 0, "not_equals": side != 0, "before": side < 0, "after": side > 0}[operator]

    def _side(self, moment: datetime, day: date, given: str) -> int:
        """Before it, at it, or after it: a date is its whole day."""
        if len(given) == len("2026-03-01"):
            wanted: object = date.fromisoformat(given)
            return (day > wanted) - (day < wanted)
        wanted = datetime.fromisoformat(given)
        wanted = (wanted if wanted.tzinfo else wanted.replace(tzinfo=self.zone)).astimezone(UTC)
        return (moment > wanted) - (moment < wanted)

    def _anniversary(self, day: date, operator: str, days: int) -> bool:
        if day >= self.today:
            return False
        coming = [
            self.today + timedelta(days=ahead)
            for ahead in ([days] if operator == "anniversary_in" else range(days + 1))
        ]
        return any(
            (each.month, each.day) == (day.month, day.day)
            or (
                (day.month, day.day) == (2, 29)
                and (each.month, each.day) == (2, 28)
                and (each + timedelta(days=1)).month == 3
            )
            for each in coming
        )
