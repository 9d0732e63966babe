"""The filters of templates: Jinja's plain ones made to pay for what they do, and ours for money and dates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from jinja2 import pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import markup_join, str_join

from activation.templates.limits import LONGEST_TEXT, MOST_DIGITS, MOST_ITEMS

Filter = Callable[..., Any]

QUICK = ("abs", "d", "default", "first", "last", "length")  # as fast for a long value as for a short one
PAYING = (
    "capitalize", "e", "escape", "float", "int", "join", "list", "lower", "replace", "sort", "string", "title", "trim",
    "truncate", "unique", "upper", "urlencode",
)  # fmt: skip


def allowed(jinja: Mapping[str, Filter]) -> dict[str, Filter]:
    """The filters that authors may use, by name."""
    return {
        **{name: jinja[name] for name in QUICK},
        **{name: _paying(jinja[name], _BEFORE.get(name)) for name in PAYING},
        "round": _rounded(jinja["round"]),
        "money": money,
        "date_long": date_long,
    }


MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def weight(value: object) -> int:
    """What it costs to go through a value once."""
    if isinstance(value, str):
        return 1 + len(value) // 16
    return 1 + len(value) if isinstance(value, list | tuple | dict) else 1


def money(value: float | str, currency: str | None = "EUR") -> str:
    """1240.5 -> '€1,240.50'."""
    symbol = {"EUR": "€", "USD": "$", "GBP": "£", "INR": "₹", "BRL": "R$"}.get(currency or "", f"{currency or ''} ")
    return f"{symbol}{float(value):,.2f}"


@lru_cache(maxsize=4096)  # the same days in many mails
def date_long(value: str) -> str:
    """'2026-03-03T10:15:00+00:00' -> '3 March 2026'."""
    moment: date = datetime.fromisoformat(value) if len(value) > len("2026-03-03") else date.fromisoformat(value)
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}"


@pass_context
def counted(context: Any, items: Any, elements: int) -> Any:
    """What a loop goes through, all its rounds paid for. Raises SecurityError when they are too many."""
    if not isinstance(items, list | tuple | dict | range | str):
        raise SecurityError("a loop needs a list")
    if len(items) > MOST_ITEMS:
        raise SecurityError(f"a loop of more than {MOST_ITEMS:,} rounds")
    context.spend(len(items) * elements)
    return items


@pass_context
def concatenated(context: Any, parts: list[Any]) -> str:
    """The parts of `a ~ b` as one text."""
    return _paid(context, markup_join(parts) if context.eval_ctx.autoescape else str_join(parts))


@pass_context
def charged(context: Any, value: Any) -> Any:
    """The value, its length paid for."""
    context.spend(weight(value))
    return value


def _paid(context: Any, made: str) -> str:
    if len(made) > LONGEST_TEXT:
        raise SecurityError(f"makes a text of more than {LONGEST_TEXT:,} characters")
    context.spend(weight(made))
    return made


def _paying(function: Filter, before: Callable[..., None] | None) -> Filter:
    wants = getattr(function, "jinja_pass_arg", None)  # the filter's own first argument, as Jinja marks it
    passed = {"environment": "environment", "eval_context": "eval_ctx"}.get(wants.name) if wants else None

    @pass_context
    def run(context: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        context.spend(weight(value))
        if before:
            before(value, *args, **kwargs)
        first = (getattr(context, passed),) if passed else ()
        made = function(*first, value, *args, **kwargs)
        if isinstance(made, Iterator):
            made = list(made)
        return _paid(context, made) if isinstance(made, str) else made

    return run


def _before_replace(value: Any, old: Any, new: Any, count: int | None = None) -> None:  # noqa: ARG001 - Jinja's signature
    if str(value).count(str(old)) * len(str(new)) > LONGEST_TEXT:
        raise SecurityError(f"replaces to more than {LONGEST_TEXT:,} characters")


def _before_join(value: Any, d: Any = "", attribute: Any = None) -> None:  # noqa: ARG001
    if len(value) * len(str(d)) > LONGEST_TEXT:
        raise SecurityError(f"joins to more than {LONGEST_TEXT:,} characters")


def _rounded(function: Filter) -> Filter:
    def run(value: float, precision: int = 0, method: str = "common") -> Any:
        if not 0 <= precision <= MOST_DIGITS:
            raise SecurityError(f"round() takes 0 to {MOST_DIGITS} digits")
        return function(value, precision, method)

    return run


_BEFORE: dict[str, Callable[..., None]] = {"replace": _before_replace, "join": _before_join}
