"""The Jinja environments of templates: sandboxed, deterministic, and bounded in what they may compute.

What a template may do is bounded by what it may say (language.py) and by a budget of work per part of a mail: a loop pays for
all its rounds before the first one, an operator or filter for the text that it makes. No clock decides, so the same mail
always either comes out or is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from activation.templates import filters
from activation.templates.language import CHARGED, CONCATENATED, COUNTED, check, instrument
from activation.templates.limits import HIGHEST_POWER, LONGEST_NUMBER, LONGEST_TEXT, MOST_ITEMS, MOST_SOURCE, MOST_WORK

SAFE_TESTS = ("defined", "undefined", "none", "number", "string", "even", "odd", "divisibleby", "true", "false", "in")
OF_LOOPS = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "cycle", "previtem", "nextitem"}
)
# what a value that does not fit, or a forbidden step, raises while a part is made
CANNOT_BE_MADE = (
    TemplateError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, AssertionError, RecursionError,
)  # fmt: skip


class MailContext(Context):
    """The values of one part of one mail, and what of its budget is spent."""

    work = 0

    def spend(self, work: int) -> None:
        """Raises SecurityError when the part has done more than any mail needs."""
        self.work += work
        if self.work > MOST_WORK:
            raise SecurityError("too much work: fewer or shorter loops, shorter texts")


class MailEnvironment(ImmutableSandboxedEnvironment):
    """Values are plain: no attribute of any object may be read, no method called; operators cannot explode."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})
    context_class = MailContext

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(autoescape=autoescape, undefined=StrictUndefined, cache_size=0)
        self.globals = {"range": _range}
        self._offered = filters.allowed(self.filters)
        self.filters = {
            **self._offered,
            COUNTED: filters.counted,
            CONCATENATED: filters.concatenated,
            CHARGED: filters.charged,
        }
        self.tests = {name: self.tests[name] for name in SAFE_TESTS}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ARG002 - Jinja's signature
        return isinstance(obj, LoopContext) and attr in OF_LOOPS

    def is_safe_callable(self, obj: Any) -> bool:
        return obj is _range or getattr(obj, "__qualname__", "") == "LoopContext.cycle"

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        assert isinstance(context, MailContext)
        if isinstance(left, list | tuple | dict) or isinstance(right, list | tuple | dict):
            raise SecurityError(f"{operator} is for numbers and texts")
        if operator == "%" and isinstance(left, str):
            raise SecurityError("formats text with %; use filters instead")
        if operator == "**" and (
            abs(_count(right)) > HIGHEST_POWER or _bits(left) * abs(_count(right)) > LONGEST_NUMBER
        ):
            raise SecurityError(f"raises to a power above {HIGHEST_POWER}, or makes too long a number")
        if operator == "*":
            self._check_product(left, right)
        made = super().call_binop(context, operator, left, right)
        if isinstance(made, str):
            context.spend(filters.weight(made))
        return made

    @staticmethod
    def _check_product(left: Any, right: Any) -> None:
        for text, times in ((left, right), (right, left)):
            if isinstance(text, str) and len(text) * _count(times) > LONGEST_TEXT:
                raise SecurityError(f"repeats a text to more than {LONGEST_TEXT:,} characters")
        if _bits(left) + _bits(right) > LONGEST_NUMBER:
            raise SecurityError("makes too long a number")

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        if len(source) > MOST_SOURCE:
            raise TemplateSyntaxError(f"it is longer than {MOST_SOURCE:,} characters", 1)
        try:
            tree = super()._parse(source, name, filename)
            check(tree, filters=self._offered, tests=self.tests)
        except RecursionError:
            raise TemplateSyntaxError("it is nested too deeply", 1) from None
        return tree

    def _generate(
        self,
        source: nodes.Template,
        name: str | None,
        filename: str | None,
        defer_init: bool = False,  # noqa: FBT001, FBT002 - Jinja's signature
    ) -> str:
        return super()._generate(instrument(source), name, filename, defer_init)


def rendered(
    template: Template,
    values: Mapping[str, object],
    limit: int,
    *,
    has_loops: bool = True,
    finish: Callable[[Iterable[str]], Iterable[str]] = iter,
) -> str:
    """What a template makes of checked values (`check_plain`). Raises SecurityError past `limit` characters or the budget.

    What is known to have no loop is joined at once. `finish` is given the pieces as they are made.
    """
    environment = template.environment
    context = MailContext(environment, {**environment.globals, **values}, template.name, template.blocks)
    pieces = finish(template.root_render_func(context))
    if not has_loops:  # each value is printed as often as the source says: it cannot outgrow the limit by much
        whole = "".join(pieces)
        if len(whole) > limit:
            raise SecurityError(f"makes more than {limit:,} characters")
        return whole
    taken: list[str] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise SecurityError(f"makes more than {limit:,} characters")
        taken.append(piece)
    return "".join(taken)


def check_plain(values: Mapping[str, object]) -> None:
    """Raises SecurityError unless all values are plain ones, of a length that a mail can show."""
    for name, value in values.items():
        if type(value) is str and len(value) <= LONGEST_TEXT:
            continue
        if type(value) not in _NUMBERS and _size(value, name) > MOST_ITEMS:
            raise SecurityError(f"{name} holds more than {MOST_ITEMS:,} values or {LONGEST_TEXT:,} characters")


_NUMBERS = frozenset({int, float, bool, type(None)})


def _size(value: object, name: str) -> int:
    """How much a value holds: one for each part, and one for each hundred characters."""
    if type(value) in _NUMBERS:
        return 1
    if type(value) is str:
        return 1 + len(value) * MOST_ITEMS // LONGEST_TEXT
    if type(value) is dict and all(type(key) is str for key in value):
        parts = [*value, *value.values()]
    elif type(value) is list:
        parts = value
    else:
        raise SecurityError(f"{name} is no plain value (text, number, true or false, list, dict)")
    if len(parts) > MOST_ITEMS:
        return len(parts)
    return 1 + sum(_size(part, name) for part in parts)


def _range(*bounds: int) -> range:
    numbers = range(*bounds)
    if len(numbers) > MOST_ITEMS:
        raise SecurityError(f"range() of more than {MOST_ITEMS:,} items")
    return numbers


def _count(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and abs(value) != float("inf") else 0


def _bits(value: Any) -> int:
    return value.bit_length() if isinstance(value, int) else 0


HTML = MailEnvironment(autoescape=True)
TEXT = MailEnvironment(autoescape=False)
