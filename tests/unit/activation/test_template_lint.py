"""The lint: each thing that harms a mail is found, named with its place and how to mend it."""

from __future__ import annotations

import pytest

from activation.templates.lint import lint, unreachable

OWN = "{{ unsubscribe_url }} {{ postal_address }}"
GOOD = {"subject": "News", "preheader": "What is new", "html": OWN, "text": OWN}


def found(severity, message_class="marketing", **parts):
    return [
        str(problem)
        for problem in lint(**{**GOOD, **parts}, message_class=message_class)
        if problem.severity == severity
    ]


def test_a_good_template_has_no_problem():
    assert lint(**GOOD) == []


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"html": "{{ postal_address }}"}, "html: no unsubscribe link"),
        ({"text": "{{ postal_address }}"}, "text: no unsubscribe link"),
        ({"html": "{{ unsubscribe_url }}"}, "html: no postal address"),
        ({"text": " "}, "there is no text part"),
        ({"html": OWN + "{{ frist_name }}"}, "unknown token {{ frist_name }}"),
        ({"html": OWN + "{{ click_url }}"}, "{{ click_url }} is not for templates"),
        ({"text": OWN + "{{ open_url }}"}, "{{ open_url }} is not for templates"),
        ({"subject": "a\nb"}, "more than one line"),
        ({"preheader": "a\nb"}, "preheader: it has more than one line"),
        ({"html": OWN + "{{ 'a' | nosuch }}"}, "there is no filter nosuch"),
        ({"html": OWN + "\n{% macro m() %}{% endmacro %}"}, "html, line 2: macros are not available"),
        ({"html": OWN + '<a href="javascript:x()">x</a>'}, "link that runs code"),
        ({"html": OWN + '<a href=" java\tscript:x()">x</a>'}, "link that runs code"),
        ({"html": OWN + '<a href="https://">x</a>'}, "link that cannot work"),
        ({"html": OWN + '<a href="https://a b.dev">x</a>'}, "link that cannot work"),
        ({"html": OWN + '<a href="https://good.dev@evil.dev">x</a>'}, "link that cannot work"),
        ({"html": OWN + "x" * 1_000_001}, "longer than 1,000,000 characters"),
    ],
)
def test_what_would_harm_is_an_error(parts, words):
    assert any(words in problem for problem in found("error", **parts)), lint(**{**GOOD, **parts})


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"preheader": ""}, "preheader: it is empty"),
        ({"preheader": "x" * 151}, "151 characters"),
        ({"subject": "x" * 151}, "151 characters"),
        ({"html": OWN + "x" * 102 * 1024}, "Gmail hides what is past 102 kB"),
        ({"html": OWN + '<img src="https://a.dev/x.png">'}, "image without words"),
        ({"html": OWN + '<img src="x.png" alt="x">'}, "image from nowhere"),
        ({"html": OWN + '<a href="shop.dev">x</a>'}, "link to nowhere"),
        ({"html": OWN + '<a href="">x</a>'}, "link to nowhere"),
        ({"html": OWN + "{{ first_name }}"}, "is empty for some contacts"),
    ],
)
def test_what_would_look_bad_is_a_warning(parts, words):
    assert any(words in problem for problem in found("warning", **parts)), lint(**{**GOOD, **parts})


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://a.dev/?c={{ city | default("x>y", true) }}">x</a>',
        '<a href="{% if plan == "pro" %}https://a.dev{% else %}https://b.dev{% endif %}">x</a>',
        '<a href="mailto:a@b.dev">x</a><a href="tel:1">x</a><a href="#top">x</a><a href="{{ preferences_url }}">x</a>',
        '<img src="https://a.dev/{{ city | default("x", true) }}.png" alt="A shirt">',
    ],
)
def test_what_is_right_is_no_problem(html):
    assert lint(**{**GOOD, "html": OWN + html}) == []


def test_a_transactional_mail_needs_no_unsubscribe_link_but_a_text_part():
    assert found("error", "transactional", html="Hello", text="Hello") == []
    assert found("error", "transactional", html="Hello", text="") == ["text: there is no text part. Write one; some readers show nothing else."]  # fmt: skip


def test_links_that_do_not_answer_are_named_and_those_with_tokens_not_asked():
    asked = []

    def fetch(address):
        asked.append(address)
        if "gone" in address:
            return 404
        if "down" in address:
            raise TimeoutError
        return 200

    problems = unreachable(
        ["https://ok.dev", "https://gone.dev", "https://down.dev", "https://a.dev/{{ city }}"], fetch
    )
    assert [problem.what for problem in problems] == ["https://gone.dev answers 404", "https://down.dev cannot be reached (TimeoutError)"]  # fmt: skip
    assert asked == ["https://ok.dev", "https://gone.dev", "https://down.dev"]
