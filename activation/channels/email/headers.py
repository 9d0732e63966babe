"""No value of a mail may add a header to it: each stays one line. Every channel's `encode` asks this first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from email.utils import formataddr, parseaddr

from activation.channels.contract import HeaderBroken, Mail


def one_line(mails: Sequence[Mail]) -> None:
    """Raises HeaderBroken for the first mail with a line break (CR, LF) or NUL in what becomes a header or a tag."""
    for mail in mails:
        headers, tags = mail.headers, mail.tags
        # all at once, for the sake of the many that are right
        together = " ".join((mail.sender, mail.to, mail.subject, *headers, *headers.values(), *tags, *tags.values()))
        if _is_broken(together):
            raise HeaderBroken(mail.message_id, next(name for name, value in _header_values(mail) if _is_broken(value)))


def _is_broken(value: str) -> bool:
    return "\n" in value or "\r" in value or "\0" in value


def _header_values(mail: Mail) -> Iterator[tuple[str, str]]:
    yield "the sender", mail.sender
    yield "the address", mail.to
    yield "the subject", mail.subject
    for kind, values in (("header", mail.headers), ("tag", mail.tags)):
        for name, value in values.items():
            yield f"a {kind}'s name", name
            yield f"{kind} {name}", value


def mailbox(written: str) -> str:
    """'Name <address>' as a header holds it: the name encoded where it must be, the domain in ASCII letters.

    Raises ValueError for a domain that cannot be written so.
    """
    name, address = parseaddr(written)
    return formataddr((name, ascii_domain(address)))


def ascii_domain(address: str) -> str:
    """The address with its domain as the DNS knows it. Raises ValueError for a domain that has no such form."""
    local, at, domain = address.rpartition("@")
    return address if domain.isascii() else f"{local}{at}{domain.encode('idna').decode()}"
