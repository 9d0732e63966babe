"""The Jinja environments of templates: sandboxed, deterministic, and bounded in what they may compute."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from jinja2 import StrictUndefined
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

MOST_REPEATED = 100_000  # characters or items that `*` may make
HIGHEST_POWER = 64
MOST_ITEMS = 1_000  # of range()

SAFE_FILTERS = {
    "abs", "capitalize", "default", "d", "e", "escape", "first", "float", "int", "join", "last", "length", "list", "lower",
    "replace", "round", "sort", "string", "title", "trim", "truncate", "unique", "upper", "urlencode",
}  # fmt: skip


class MailEnvironment(ImmutableSandboxedEnvironment):
    """Values are plain: no attribute of any object may be read, no method called; operators cannot explode."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(autoescape=autoescape, undefined=StrictUndefined, cache_size=0)
        self.globals = {"range": self._range}
        self.filters = {
            **{name: self.filters[name] for name in SAFE_FILTERS},
            "money": money,
            "date_long": date_long,
        }

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ARG002 - Jinja's signature
        return False

    def is_safe_callable(self, obj: Any) -> bool:
        return obj == self._range or getattr(obj, "__qualname__", "").startswith(("LoopContext", "Macro"))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "*" and (
            _sized(left) * _count(right) > MOST_REPEATED or _sized(right) * _count(left) > MOST_REPEATED
        ):
            raise SecurityError(f"repeats more than {MOST_REPEATED:,} times")
        if operator == "**" and abs(_count(right)) > HIGHEST_POWER:
            raise SecurityError(f"raises to a power above {HIGHEST_POWER}")
        if operator == "%" and isinstance(left, str):
            raise SecurityError("formats text with %; use filters instead")
        return super().call_binop(context, operator, left, right)

    @staticmethod
    def _range(*bounds: int) -> range:
        numbers = range(*bounds)
        if len(numbers) > MOST_ITEMS:
            raise SecurityError(f"range() of more than {MOST_ITEMS:,} items")
        return numbers


def bounded(pieces: Iterator[str], limit: int) -> str:
    """Joins the pieces of a rendering. Raises SecurityError past `limit` characters."""
    taken: list[str] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise SecurityError(f"makes more than {limit:,} characters")
        taken.append(piece)
    return "".join(taken)


def money(value: float | str, currency: str | None = "EUR") -> str:
    """1240.5 -> '€1,240.50'."""
    symbol = {"EUR": "€", "USD": "$", "GBP": "£", "INR": "₹", "BRL": "R$"}.get(currency or "", f"{currency or ''} ")
    return f"{symbol}{float(value):,.2f}"


def date_long(value: str) -> str:
    """'2026-03-03T10:15:00+00:00' -> '3 March 2026'."""
    moment: date = datetime.fromisoformat(value) if len(value) > len("2026-03-03") else date.fromisoformat(value)
    return f"{moment.day} {moment:%B %Y}"


def _sized(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple | bytes) else 0


def _count(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and abs(value) != float("inf") else 0


HTML = MailEnvironment(autoescape=True)
TEXT = MailEnvironment(autoescape=False)
