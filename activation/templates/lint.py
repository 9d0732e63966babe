"""What is wrong with a template before anybody gets it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from html.parser import HTMLParser
from http import HTTPStatus

from jinja2 import TemplateSyntaxError

from activation.templates.compile_mjml import Problem
from activation.templates.links import counted, links_in, web_address
from activation.templates.minify import TOKEN
from activation.templates.tokens import HTML, INTERNAL_TOKENS, KNOWN_TOKENS, tokens_in

MARK = "{{x}}"
GMAIL_CLIPS_AT = 102 * 1024  # bytes of HTML, beyond which Gmail hides the rest
LONGEST_SUBJECT = 150
SHOWN_PREHEADER = 150
RUNS_CODE = ("javascript:", "data:", "vbscript:")
WORKING_SCHEMES = ("mailto:", "tel:", "sms:", "#", MARK)


def lint(*, subject: str, preheader: str, html: str, text: str, message_class: str = "marketing") -> list[Problem]:
    """All problems of a compiled template; those of severity `error` keep it from being stored."""
    problems = list(_syntax(subject=subject, preheader=preheader, html=html, text=text))
    if problems:
        return problems
    return [
        *_subject(subject),
        *_preheader(preheader),
        *_text(text),
        *_tokens(subject=subject, preheader=preheader, html=html, text=text),
        *(_compliance(html, text) if message_class == "marketing" else ()),
        *_html(html),
    ]


def _syntax(**parts: str) -> Iterator[Problem]:
    for where, source in parts.items():
        try:
            HTML.from_string(source)
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


def _preheader(preheader: str) -> Iterator[Problem]:
    if not preheader.strip():
        yield Problem(
            "warning", "preheader", "it is empty", "Inboxes then show the first words of the mail: write one."
        )
    if "\n" in preheader.strip() or "\r" in preheader.strip():
        yield Problem("error", "preheader", "it has more than one line", "Write it on one.")
    if len(preheader) > SHOWN_PREHEADER:
        yield Problem("warning", "preheader", f"{len(preheader)} characters long", "Most inboxes show 40 to 100.")


def _text(text: str) -> Iterator[Problem]:
    if not text.strip():
        yield Problem("error", "text", "there is no text part", "Write one; some readers show nothing else.")


def _html(html: str) -> Iterator[Problem]:
    size = len(counted(html, links_in(html)).encode())
    if size > GMAIL_CLIPS_AT:
        yield Problem("warning", "html", f"{size // 1024} kB: Gmail hides what is past 102 kB", "Shorten it.")
    finder = _Elements()
    finder.feed(TOKEN.sub(MARK, html))  # tokens may hold quotes and `>`
    for attributes in finder.images:
        source = attributes.get("src") or ""
        if not (attributes.get("alt") or "").strip():
            yield Problem("warning", "html", f"image without words: {source[:60]}", "Give it an alt text.")
        if not source.startswith(("https://", "http://", "cid:", MARK)):
            yield Problem("warning", "html", f"image from nowhere: {source[:60]!r}", "Begin its src with https://.")
    for address in finder.links:
        yield from _link(address.strip())


def _link(address: str) -> Iterator[Problem]:
    bare = re.sub(r"[\x00-\x20]", "", address).lower()  # browsers leave these out, too
    if bare.startswith(RUNS_CODE):
        yield Problem("error", "html", f"link that runs code: {address[:60]}", "Link to an https address.")
    elif address.startswith(("https://", "http://")):
        if not _can_be_followed(address):
            yield Problem(
                "error", "html", f"link that cannot work: {address[:60]!r}", "It needs a host, and no spaces."
            )
    elif not address.startswith(WORKING_SCHEMES):
        yield Problem("warning", "html", f"link to nowhere: {address[:60]!r}", "Begin it with https://.")


def _can_be_followed(address: str) -> bool:
    """Judged as a click is, so that no mail leaves with a link that leads nowhere."""
    return web_address(address.replace(MARK, "x")) is not None and " " not in address


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


def unreachable(links: Sequence[str], fetch: Callable[[str], int]) -> list[Problem]:
    """A warning for each link that does not answer; `fetch` returns the status of a web address or raises OSError.

    Links with tokens are left out: nobody knows whose values to ask with.
    """
    return [problem for link in links if not TOKEN.search(link) for problem in _asked(link, fetch)]


def _asked(link: str, fetch: Callable[[str], int]) -> Iterator[Problem]:
    try:
        status = fetch(link)
    except OSError as error:
        yield Problem(
            "warning", "html", f"{link[:80]} cannot be reached ({type(error).__name__})", "Correct the address."
        )
    else:
        if status >= HTTPStatus.BAD_REQUEST:
            yield Problem("warning", "html", f"{link[:80]} answers {status}", "Correct the address.")
