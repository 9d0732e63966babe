"""A template version and a contact's values become the subject, HTML and text of one mail."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import Template, TemplateError

from activation.templates.links import counted
from activation.templates.sandbox import CANNOT_BE_MADE, HTML, TEXT, check_plain, rendered

MOST_CHARACTERS = 1_048_576
MOST_SUBJECT = 998  # RFC 5322: the longest line
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


class CompiledMail:
    """A version ready to be rendered any number of times, in any thread. Raises RenderError when it cannot be."""

    def __init__(self, version: Version) -> None:
        try:
            self._subject = TEXT.from_string(version.subject)
            self._html = HTML.from_string(_with_preheader(counted(version.body_html, version.links), version.preheader))
            self._text = TEXT.from_string(version.body_text)
        except (TemplateError, SyntaxError, RecursionError) as error:
            raise RenderError(f"the template cannot be compiled: {error}") from None

    def render(self, tokens: Mapping[str, object]) -> RenderedMail:
        """The mail for these values. Raises RenderError: a missing value, a forbidden step, too much work or output."""
        try:
            check_plain(tokens)
        except TemplateError as error:
            raise RenderError(f"values: {error}") from None
        subject = _part("subject", self._subject, tokens, MOST_SUBJECT).strip()
        if not subject:
            raise RenderError("subject: it is empty")
        if BREAKS_A_LINE.search(subject):
            raise RenderError("subject: a value breaks the line")
        html = _part("html", self._html, tokens, MOST_CHARACTERS)
        return RenderedMail(subject, html, _part("text", self._text, tokens, MOST_CHARACTERS))


@lru_cache(maxsize=256)
def compiled(version: Version) -> CompiledMail:
    """The compiled form of a version, made once."""
    return CompiledMail(version)


def _with_preheader(html: str, preheader: str) -> str:
    """The HTML with the line that inboxes show behind the subject, which the mail itself does not show."""
    if not preheader:
        return html
    begin = html.find("<body")
    after_body = html.find(">", begin) + 1 if begin >= 0 else 0
    hidden = f'<div style="display:none;max-height:0;overflow:hidden">{preheader}</div>'
    return html[:after_body] + hidden + html[after_body:]


def _part(name: str, template: Template, tokens: Mapping[str, object], limit: int) -> str:
    try:
        return rendered(template, tokens, limit)
    except CANNOT_BE_MADE as error:
        raise RenderError(f"{name}: {error}") from None
