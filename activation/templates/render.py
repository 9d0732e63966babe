"""A template version and a contact's values become the subject, HTML and text of one mail."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from jinja2 import TemplateError

from activation.templates.binding import LINKS, bind, with_links
from activation.templates.links import counted
from activation.templates.sandbox import CANNOT_BE_MADE, HTML, TEXT, MailEnvironment, check_plain, rendered

MOST_CHARACTERS = 1_048_576
MOST_SUBJECT = 998  # RFC 5322: the longest line
LOOP = re.compile(r"\{%[-+]?\s*for\b")
MOST_PRINTED_AT_ONCE = 500  # values: more of them are counted piece by piece, as a loop's are
BREAKS_A_LINE = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


class RenderError(Exception):
    """One contact's mail cannot be made; the message says which part and why. Others are not touched."""


@dataclass(frozen=True)
class Version:
    """A stored template version; `body_html` is compiled, tokens untouched. `links` are those of it that are counted."""

    template_version_id: int
    key: str
    subject: str
    preheader: str
    body_html: str
    body_text: str
    links: tuple[str, ...] = ()


@dataclass(frozen=True)
class RenderedMail:
    """What is sent."""

    subject: str
    html: str
    text: str


class Part:
    """Subject, HTML or text of a version, compiled. Raises what Jinja raises when it cannot be."""

    def __init__(
        self, name: str, environment: MailEnvironment, source: str, limit: int, constants: Mapping[str, str]
    ) -> None:
        self._name, self._limit = name, limit
        self._template, self._places = bind(environment, source, constants)
        self._has_loops = LOOP.search(source) is not None or source.count("{{") > MOST_PRINTED_AT_ONCE

    def render(self, tokens: Mapping[str, object], links: tuple[str, ...]) -> str:
        """The part for checked values, with the links of the recipient. Raises RenderError."""
        try:
            return rendered(
                self._template, tokens, self._limit,
                has_loops=self._has_loops, finish=lambda pieces: with_links(pieces, self._places, links),
            )  # fmt: skip
        except CANNOT_BE_MADE as error:
            raise RenderError(f"{self._name}: {error}") from None


class CompiledMail:
    """A version ready to be rendered any number of times, in any thread. Raises RenderError when it cannot be.

    `constants` are tokens whose values are the same in all its mails.
    """

    def __init__(self, version: Version, constants: Mapping[str, str] = MappingProxyType({})) -> None:
        try:
            self._subject = Part("subject", TEXT, version.subject, MOST_SUBJECT, constants)
            html = _with_preheader(counted(version.body_html, version.links), version.preheader)
            self._html = Part("html", HTML, html, MOST_CHARACTERS, constants)
            self._text = Part("text", TEXT, version.body_text, MOST_CHARACTERS, constants)
        except (TemplateError, SyntaxError, RecursionError) as error:
            raise RenderError(f"the template cannot be compiled: {error}") from None

    def render(self, tokens: Mapping[str, object]) -> RenderedMail:
        """The mail for these values. Raises RenderError: a missing value, a forbidden step, too much work or output."""
        try:
            check_plain(tokens)
        except TemplateError as error:
            raise RenderError(f"values: {error}") from None
        links = tuple([str(tokens.get(name, "")) for name in LINKS])
        subject = self._subject.render(tokens, links).strip()
        if not subject:
            raise RenderError("subject: it is empty")
        if BREAKS_A_LINE.search(subject):
            raise RenderError("subject: a value breaks the line")
        return RenderedMail(subject, self._html.render(tokens, links), self._text.render(tokens, links))


@lru_cache(maxsize=256)
def compiled(version: Version, constants: tuple[tuple[str, str], ...]) -> CompiledMail:
    """The compiled form of a version with these constants, made once."""
    return CompiledMail(version, dict(constants))


def _with_preheader(html: str, preheader: str) -> str:
    """The HTML with the line that inboxes show behind the subject, which the mail itself does not show."""
    if not preheader:
        return html
    begin = html.find("<body")
    after_body = html.find(">", begin) + 1 if begin >= 0 else 0
    hidden = f'<div style="display:none;max-height:0;overflow:hidden">{preheader}</div>'
    return html[:after_body] + hidden + html[after_body:]
