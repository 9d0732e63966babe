"""Where a counted link leads: to an address that the message really had, or nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from urllib.parse import quote, urlsplit

from jinja2 import Template, TemplateError

from activation.templates.sandbox import TEXT, bounded

MOST_CHARACTERS = 8_192
# what RFC 3986 lets stand in an address; the rest is written as %XX, as a browser does
_KEPT = "%:/?#[]@!$&'()*+,;=-._~"


def target(version_links: Sequence[str], number: int, tokens: Mapping[str, object]) -> str | None:
    """The address that link `number` (from 1) of a message had, made of the values that the message was made of.

    `tokens` are the message's stored ones and, because an address may name them (utm_campaign), those that all messages of
    the run share: campaign_name, sender_name, postal_address. None for a number that the version does not have, values
    that do not fit, and whatever is no plain web address.
    """
    if not 1 <= number <= len(version_links):
        return None
    try:
        address = bounded(_compiled(version_links[number - 1]).generate(tokens), MOST_CHARACTERS)
    except (TemplateError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError):
        return None
    return _web_address(address.strip(" "))


@lru_cache(maxsize=4096)
def _compiled(link: str) -> Template:
    return TEXT.from_string(link)


def _web_address(address: str) -> str | None:
    """The address as it may stand in a Location header; None unless it names an http or https host and hides nothing."""
    if not address.isprintable() or "\\" in address:
        return None
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port  # a port that is no number raises
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not address[len(parts.scheme) :].startswith("://"):
        return None
    if not host or not host.isascii() or "@" in parts.netloc or any(mark in parts.netloc for mark in " %<>\"'"):
        return None
    return quote(address, safe=_KEPT)
