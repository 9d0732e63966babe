"""What a bounce means for the address: the enhanced status code (RFC 3463) first, then the provider's own word.

hard: the address is no good, suppress at once · soft: counts towards a run · uncounted: the mail or its sender was refused,
which says nothing of the recipient.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from activation.channels.contract import Bounce

STATUS = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?![\d.])")

BY_STATUS: dict[str, Bounce] = {
    "5.1.7": "uncounted",  # the sender's address, not the recipient's
    "5.1.8": "uncounted",
    "5.2.2": "soft",  # mailbox full
    "5.2.3": "uncounted",  # too large
    "5.3.4": "uncounted",
}
BY_SUBJECT: dict[str, Bounce] = {
    "5.1": "hard",
    "5.6": "uncounted",  # content or media
    "5.7": "uncounted",  # security or policy
    "4.7": "uncounted",
}

# our own domain is broken (SPF, DKIM, DMARC, TLS or reverse DNS asked for and not found): stop, and suppress nobody
OUR_DOMAIN = {"5.7.23", "5.7.24", "5.7.25", "5.7.26", "5.7.27", "5.7.29", "5.7.30", "5.7.509", "5.7.515"}


def status_of(words: str) -> str | None:
    """The enhanced status code in a server's words, such as 5.1.1."""
    found = STATUS.search(words)
    return found[1] if found else None


def bounce_of(words: str, kind: str, kinds: Mapping[str, Bounce]) -> Bounce:
    """The outcome of a bounce told in these words, which its provider calls `kind`; soft if nothing tells."""
    status = status_of(words) or ""
    subject = status.rpartition(".")[0]
    return BY_STATUS.get(status) or BY_SUBJECT.get(subject) or kinds.get(kind, "soft")


def is_our_domain(words: str | None) -> bool:
    """Whether the words say that mail of our domain as such is refused: a reason to stop the campaign."""
    return status_of(words or "") in OUR_DOMAIN
