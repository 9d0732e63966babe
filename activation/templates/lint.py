"""What is wrong with a template before anybody gets it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from jinja2 import TemplateSyntaxError

from activation.templates.compile_mjml import Problem
from activation.templates.tokens import INTERNAL_TOKENS, KNOWN_TOKENS, tokens_in

GMAIL_CLIPS_AT = 102 * 1024  # bytes of HTML, beyond which Gmail hides the rest
LONGEST_SUBJECT = 150


def lint(*, subject: str, preheader: str, html: str, text: str, message_class: str = "marketing") -> list[Problem]:
    """All problems of a compiled template; those of severity `error` keep it from being stored."""
    problems = list(_syntax(subject=subject, preheader=preheader, html=html, text=text))
    if problems:
        return problems
    return [
        *_subject(subject),
        *_tokens(subject=subject, preheader=preheader, html=html, text=text),
        *(_compliance(html, text) if message_class == "marketing" else ()),
        *_html(html),
    ]


def _syntax(**parts: str) -> Iterator[Problem]:
    for where, source in parts.items():
        try:
            tokens_in(source)
        except TemplateSyntaxError as error:
            yield Problem(
                "error", f"{where}, line {error.lineno}", str(error.message), "Mend the {{ }} or {% %} there."
            )


def _subject(subject: str) -> Iterator[Problem]:
    if not subject.strip():
        yield Problem("error", "subject", "it is empty", "Write one.")
    if "\n" in subject.strip() or "\r" in subject.strip():
        yield Problem("error", "subject", "it has more than one line", "Write it on one.")
    if len(subject) > LONGEST_SUBJECT:
        yield Problem("warning", "subject", f"{len(subject)} characters long", "Most inboxes show 40 to 60.")


def _tokens(**parts: str) -> Iterator[Problem]:
    for where, source in parts.items():
        for name in sorted(tokens_in(source)):
            known = KNOWN_TOKENS.get(name)
            if name in INTERNAL_TOKENS:
                yield Problem(
                    "error", where, f"{{{{ {name} }}}} is not for templates", "Links are counted by themselves."
                )
            elif known is None:
                listed = ", ".join(sorted(KNOWN_TOKENS))
                yield Problem("error", where, f"unknown token {{{{ {name} }}}}", f"There are: {listed}.")
            elif _may_print_none(name, source) and not known.always_present:
                what = f"{{{{ {name} }}}} is empty for some contacts"
                yield Problem("warning", where, what, f'Write {{{{ {name} | default("…", true) }}}}.')


def _may_print_none(name: str, source: str) -> bool:
    """Printed as it is, neither with a default nor under an `if` that asks for it."""
    asked_for = re.search(rf"{{%\s*if\b[^%]*\b{name}\b", source)
    return bool(re.search(rf"{{{{\s*{name}\s*}}}}", source)) and not asked_for


def _compliance(html: str, text: str) -> Iterator[Problem]:
    for where, source in (("html", html), ("text", text)):
        used = tokens_in(source)
        if "unsubscribe_url" not in used:
            yield Problem("error", where, "no unsubscribe link", "Link to {{ unsubscribe_url }}.")
        if "postal_address" not in used:
            yield Problem("error", where, "no postal address", "Show {{ postal_address }}.")
    if not text.strip():
        yield Problem("error", "text", "there is no text part", "Write one; some readers show nothing else.")


def _html(html: str) -> Iterator[Problem]:
    size = len(html.encode())
    if size > GMAIL_CLIPS_AT:
        yield Problem("warning", "html", f"{size // 1024} kB: Gmail hides what is past 102 kB", "Shorten it.")
    finder = _Elements()
    finder.feed(html)
    for attributes in finder.images:
        if not (attributes.get("alt") or "").strip():
            yield Problem("warning", "html", f"image without words: {attributes.get('src')}", "Give it an alt text.")
    for address in finder.links:
        if address.strip().lower().startswith(("javascript:", "data:", "vbscript:")):
            yield Problem("error", "html", f"link that runs code: {address[:60]}", "Link to an https address.")
        elif not address.startswith(("https://", "http://", "mailto:", "tel:", "{{", "#")):
            yield Problem("warning", "html", f"link to nowhere: {address[:60]!r}", "Begin it with https://.")


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "img":
            self.images.append(attributes)
        elif tag == "a":
            self.links.append(attributes.get("href") or "")
