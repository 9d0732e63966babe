"""Signed tokens in the links of a mail: each names a message and one purpose, and nobody can make one up.

A token is the message's number and a slice of one keyed BLAKE2b hash of it, so that a mail with any number of links costs
one hash. Purposes have slices of their own: who sees the address of a pixel cannot unsubscribe anybody with it. Which link
of the mail was followed stands behind the token, unsigned: it can only name another link of the same mail.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from hashlib import blake2b
from html import escape
from typing import NamedTuple

PURPOSES = ("o", "c", "u", "p")  # open, click, unsubscribe, preferences
SIGNATURE_BYTES = 16
NUMBER_BYTES = 8


class MessageLinks(NamedTuple):
    """The addresses of one message. `click` + "-3" follows its third link, "-0" is the one that no person sees."""

    open: str
    click: str
    unsubscribe: str
    preferences: str


class Links:
    """Makes and reads the addresses that a mail carries for its recipient. The first secret signs, all are believed."""

    def __init__(self, *, public_url: str, secrets: Sequence[str]) -> None:
        if escape(public_url) != public_url:  # links stand in HTML as they are
            raise ValueError("PUBLIC_URL cannot hold quotes, brackets or &")
        self._prefixes = [f"{public_url}/{purpose}/" for purpose in PURPOSES]
        # BLAKE2b takes keys up to 64 bytes; a longer secret is hashed down to one
        self._keys = [blake2b(secret.encode()).digest() for secret in secrets]

    def of(self, message_id: int) -> MessageLinks:
        """The addresses of a message."""
        number = message_id.to_bytes(NUMBER_BYTES, "big")
        whole = blake2b(number, key=self._keys[0]).digest()
        # number and slice are 24 bytes, which base64 makes exactly 32 characters of: all four tokens in one go
        slices = (number, whole[:16], number, whole[16:32], number, whole[32:48], number, whole[48:])
        tokens = urlsafe_b64encode(b"".join(slices)).decode()
        o, c, u, p = self._prefixes
        return MessageLinks(o + tokens[:32], c + tokens[32:64], u + tokens[64:96], p + tokens[96:])

    def message_of(self, purpose: str, token: str) -> int | None:
        """The message that a token of this purpose names; None when it is not one of ours."""
        try:
            raw = urlsafe_b64decode(token.encode("ascii"))
        except (NotBase64, ValueError):
            return None
        number, signature = raw[:NUMBER_BYTES], raw[NUMBER_BYTES:]
        at = PURPOSES.index(purpose) * SIGNATURE_BYTES
        for key in self._keys:
            if hmac.compare_digest(signature, blake2b(number, key=key).digest()[at : at + SIGNATURE_BYTES]):
                return int.from_bytes(number, "big")
        return None
