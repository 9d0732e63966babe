"""A template version and a contact's values become the subject, HTML and text of one mail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import Template, TemplateError

from activation.templates.links import counted
from activation.templates.sandbox import HTML, TEXT, bounded

MOST_CHARACTERS = 1_048_576
MOST_SUBJECT = 998  # RFC 5322: the longest line


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
    """A version ready to be rendered any number of times, in any thread."""

    def __init__(self, version: Version) -> None:
        preheader = (
            f'<div style="display:none;max-height:0;overflow:hidden">{version.preheader}</div>'
            if version.preheader
            else ""
        )
        html = counted(version.body_html, version.links)
        begin = html.find("<body")
        after_body = html.find(">", begin) + 1 if begin >= 0 else 0
        self._subject = TEXT.from_string(version.subject)
        self._html = HTML.from_string(html[:after_body] + preheader + html[after_body:])
        self._text = TEXT.from_string(version.body_text)

    def render(self, tokens: Mapping[str, object]) -> RenderedMail:
        """The mail for these values. Raises RenderError: a missing value, a forbidden step, too much output."""
        subject = _part("subject", self._subject, tokens, MOST_SUBJECT).strip()
        if not subject:
            raise RenderError("subject: it is empty")
        if any(ord(character) < ord(" ") for character in subject):
            raise RenderError("subject: a value breaks the line")
        html = _part("html", self._html, tokens, MOST_CHARACTERS)
        return RenderedMail(subject, html, _part("text", self._text, tokens, MOST_CHARACTERS))


@lru_cache(maxsize=256)
def compiled(version: Version) -> CompiledMail:
    """The compiled form of a version, made once."""
    return CompiledMail(version)


def _part(name: str, template: Template, tokens: Mapping[str, object], limit: int) -> str:
    try:
        return bounded(template.generate(tokens), limit)
    except (TemplateError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
        raise RenderError(f"{name}: {error}") from None
