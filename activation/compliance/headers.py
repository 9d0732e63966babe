"""The headers that let a recipient leave with one click and a mailbox provider tell our mails apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from activation.errors import Refused

FEEDBACK_PARTS = 4  # Gmail's Feedback Loop: CampaignID:CustomerID:MailType:SenderID

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_NOT_IN_AN_ADDRESS = re.compile(r"[<>\s,\x00-\x1f\x7f\x85\u2028\u2029]")
_NOT_IN_A_PART = re.compile(r"[^A-Za-z0-9._-]+")


def header_value(text: str) -> str:
    """The text itself. Raises Refused for line breaks and other control characters: they would begin another header."""
    if _CONTROL.search(text):
        raise Refused("A header cannot hold line breaks or control characters: take them out of the name or subject.")
    return text


def headers_for(
    message_class: str, *, unsubscribe_url: str, unsubscribe_mailto: str = "", feedback_id: Sequence[str]
) -> dict[str, str]:
    """What a mail of the class carries. Marketing: one-click unsubscribe (RFC 2369, RFC 8058). All: Feedback-ID.

    `unsubscribe_mailto` is the setting: an address, or empty. `feedback_id` has one to four parts, the sender last
    (https://support.google.com/mail/answer/6254652). Raises Refused for what no header can hold.
    """
    headers = {"Feedback-ID": _feedback_id(tuple(feedback_id))}
    if message_class != "marketing":
        return headers
    ways = [f"<{_address(unsubscribe_url)}>"]
    if unsubscribe_mailto:
        ways.append(f"<mailto:{_address(unsubscribe_mailto.removeprefix('mailto:'))}>")
    return {
        "List-Unsubscribe": ", ".join(ways),
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        **headers,
    }


def _address(text: str) -> str:
    """An address between angle brackets: nothing in it may end it early (RFC 2369, section 2)."""
    if _NOT_IN_AN_ADDRESS.search(text):
        raise Refused(
            "An unsubscribe address cannot hold brackets, commas or spaces: correct PUBLIC_URL or UNSUBSCRIBE_MAILTO."
        )
    return text


@lru_cache(maxsize=1024)  # the same for all mails of a run
def _feedback_id(parts: tuple[str, ...]) -> str:
    cleaned = [_NOT_IN_A_PART.sub("-", header_value(part)).strip("-") for part in parts]
    if not 1 <= len(cleaned) <= FEEDBACK_PARTS or not cleaned[-1]:
        raise Refused(f"Feedback-ID has one to {FEEDBACK_PARTS} parts, and the last one, the sender, is never empty.")
    return ":".join(cleaned)
