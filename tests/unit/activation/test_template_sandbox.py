"""What templates may do: enough for a mail; all else is refused before it costs anything, whoever wrote it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from activation.templates.render import CompiledMail, RenderError, Version

OWN = {"open_url": "https://e.dev/o/1", "click_url": "https://e.dev/c/1"}


def text_of(source, **values):
    return CompiledMail(Version(1, "k", "Hi", "", "<p>x</p>", source)).render({**OWN, **values}).text


DOUBLED = "{% set a = 'ab' %}" + "{% set a = a ~ a %}" * 40


@pytest.mark.parametrize(
    "hostile",
    [
        # walks to what Python knows
        "{{ ''.__class__.__mro__ }}", "{{ first_name.upper() }}", "{{ self.__init__ }}", "{{ [].append(1) }}",
        "{{ first_name['__class__'] }}", "{{ first_name | attr('__class__') }}", "{{ loop.__init__ }}", "{{ cycler }}",
        "{% for i in [1] %}{{ loop.__class__ }}{% endfor %}", "{{ '{0.__class__}'.format(1) }}", "{{ tags.clear() }}",
        # loops that print nothing
        "{% for i in range(1000) %}{% for j in range(1000) %}{% endfor %}{% endfor %}",
        "{% for i in range(1000) %}{% for j in range(1000) %}{% set a = i * j %}{% endfor %}{% endfor %}",
        "{% for i in range(10**6) %}x{% endfor %}", "{% for i in range(10**30) %}x{% endfor %}",
        "{% for i in 'x' * 5000 %}{% endfor %}", "{% for i in tags recursive %}{{ loop(tags) }}{% endfor %}",
        "{% for a in tags %}{% for b in tags %}{% for c in tags %}{% for d in tags %}{% for e in tags %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}",
        # blocks of which nobody can tell the depth or the size
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{% macro m(n) %}{{ m(n-1) }}{{ m(n-1) }}{% endmacro %}{{ m(99) }}",
        "{% set a %}x{% endset %}{{ a }}", "{% filter upper %}x{% endfilter %}", "{% include 'x' %}", "{% extends 'x' %}", "{% import 'x' as y %}",
        "{% block b %}{% endblock %}",
        # numbers and texts that explode
        "{{ 10**9 * 10**9 * 10**99999 }}", "{{ 10 ** 100000 }}", "{{ 2 ** 64 ** 64 }}", "{% set a = 9 %}" + "{% set a = a * a %}" * 30,
        "{{ 'x' * 10**9 }}", "{{ 10**9 * 'x' }}", "{{ tags * 10**9 }}", "{{ '%1000000d' % 1 }}", DOUBLED, DOUBLED.replace("~", "+"),
        "{% set a = [1] %}" + "{% set a = [a, a] %}" * 40, "{{ [1, 2] }}", "{{ tags + tags }}",
        "{{ ('x' * 90000) | replace('x', 'y' * 90000) }}", "{{ ('x' * 90000) | list | join('y' * 90000) }}", "{{ ('x' * 9) | replace('', 'y' * 90000) }}",
        "{{ 'x' | truncate(1, true, 'y' * 90000, -9) ~ 'x' * 90000 }}", "{{ ('ü' * 90000)" + " | urlencode" * 30 + " }}",
        "{{ 5 | round(-10**9) }}", "{{ 5 | round(10**9, 'floor') }}", "{{ 5 | round(99) }}",
        "{% set a = 'x' * 90000 %}{% for i in range(1000) %}{% if a | title %}{% endif %}{% endfor %}",
        "{% set a = 'x' * 90000 %}{% for i in range(1000) %}{% if 'y' in a %}{% endif %}{% endfor %}",
        "{% set a = 'x' * 90000 %}{% for i in range(1000) %}{% if a[::-1] == 'y' %}{% endif %}{% endfor %}",
        "{% for i in range(1000) %}{{ 'x' * 90000 }}{% endfor %}",
        # nonsense
        "{{ unknown }}", "{{ 1 / 0 }}", "{{ 'a' | nosuch }}", "{% if false %}{{ 'a' | nosuch }}{% endif %}", "{{ 'x' is nosuch }}",
        "{{" + "(" * 500 + "1" + ")" * 500 + "}}", "{{" + "1+" * 500 + "1 }}", "{% if 1 %}" * 200 + "{% endif %}" * 200,
        "{{ first_name | date_long }}", "{{ first_name | money }}", "{{ tags | sort(attribute='x') }}",
    ],
)  # fmt: skip
def test_what_a_template_must_not_do_is_refused(hostile):
    with pytest.raises(RenderError):
        text_of(hostile, first_name="Ada", tags=[1, 2, 3])


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% for p in products %}{{ loop.index }}. {{ p.name }} {{ p.price | money }}{% if not loop.last %}, {% endif %}{% endfor %}",
         "1. Linen shirt €79.00, 2. Socks €9.50"),
        ("{% for p in products if p.price < 10 %}{{ p['name'] }}{% else %}none{% endfor %}", "Socks"),
        ("{% for a in [1, 2] %}{{ loop.cycle('odd', 'even') }} {% endfor %}", "odd even "),
        ("{% for i in range(3) %}{{ i }}{% endfor %}", "012"),
        ("{% set total = orders_count * 2 + 1 %}{{ total }} {{ 7 // 2 }} {{ 2 ** 10 }} {{ -1 % 3 }}", "15 3 1024 2"),
        ("{{ 'gold' if orders_count > 5 else 'silver' }}, {{ city ~ '!' }}{{ 'x' * 3 }}", "gold, Rome!xxx"),
        ("{% if city in ['Rome', 'Milan'] %}Ciao{% endif %} {{ 'om' in city }}", "Ciao True"),
        ("{{ products | length }} {{ tags | join(', ') }} {{ tags | unique | sort | first }} {{ city[:2] }}", "2 b, a, b a Ro"),
        ("{{ 3.14159 | round(2) }} {{ city | upper | replace('R', 'D') }} {{ nothing | default('-', true) }}", "3.14 DOME -"),
        ("{{ 'a long line of words' | truncate(10) }} {{ last_order_at | date_long }}", "a long... 3 March 2026"),
    ],
)  # fmt: skip
def test_what_a_mail_needs_works(source, text):
    products = [{"name": "Linen shirt", "price": 79}, {"name": "Socks", "price": 9.5}]

    assert text_of(source, products=products, tags=["b", "a", "b"], orders_count=7, city="Rome", nothing=None,
                   last_order_at="2026-03-03T10:15:00+00:00") == text  # fmt: skip


class Anything:
    name = "x"


@pytest.mark.parametrize(
    "value",
    [
        Anything(), Anything, len, b"x", (1, 2), {1, 2}, dt.date(2026, 3, 3), Decimal(1), object(), {"a": [Anything()]}, {1: "x"},
        "x" * 100_001, ["x"] * 1_001, ["x" * 60_000, "x" * 60_000], {"a": [[1] * 600, [1] * 600]},
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_only_plain_values_of_bounded_size_are_passed(value):
    with pytest.raises(RenderError, match="values: x "):
        text_of("Hello", x=value)


@pytest.mark.parametrize("value", ["x", 1, 1.5, True, None, ["a", [1]], {"a": {"b": [None]}}])
def test_plain_values_are_passed(value):
    assert text_of("{{ x }}", x=value) == str(value)


def test_what_one_mail_spent_is_not_missing_to_the_next():
    half_the_budget = "{% for i in range(500) %}{% for j in range(30) %}{% endfor %}{{ i }}{% endfor %}"
    mail = CompiledMail(Version(1, "k", "Hi", "", "<p>x</p>", half_the_budget))

    assert {len(mail.render(OWN).text) for _ in range(5)} == {1390}
