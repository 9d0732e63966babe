"""Where a counted link leads: to an address that the message really had, or nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from jinja2 import Template

from activation.templates.links import web_address
from activation.templates.sandbox import CANNOT_BE_MADE, TEXT, check_plain, rendered

MOST_CHARACTERS = 8_192


def target(version_links: Sequence[str], number: int, tokens: Mapping[str, object]) -> str | None:
    """The address that link `number` (from 1) of a message had, made of the values that the message was made of.

    `tokens` are the message's stored ones and, because an address may name them (utm_campaign), those that all messages of
    the run share: campaign_name, sender_name, postal_address. None for a number that the version does not have, values
    that do not fit, and whatever is no plain web address.
    """
    if not 1 <= number <= len(version_links):
        return None
    try:
        check_plain(tokens)
        address = rendered(_compiled(version_links[number - 1]), tokens, MOST_CHARACTERS)
    except CANNOT_BE_MADE:
        return None
    return web_address(address.strip(" "))


@lru_cache(maxsize=4096)
def _compiled(link: str) -> Template:
    return TEXT.from_string(link)
