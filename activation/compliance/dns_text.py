"""TXT records, by a resolver that the caller chooses."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import dns.exception
import dns.resolver

from activation.errors import Refused

DNS_PORT = 53
PATIENCE_SECONDS = 5.0

Lookup = Callable[[str], list[str]]


class NoAnswerFromResolver(Exception):
    """Nobody knows what is there: the resolver did not answer, or only with an error."""


def texts_of(resolver: dns.resolver.Resolver) -> Lookup:
    """Looks up the TXT records of a name, through CNAMEs; none where the name or the record is not there.

    Raises NoAnswerFromResolver: what could not be asked is not missing.
    """

    def look_up(name: str) -> list[str]:
        try:
            answer = resolver.resolve(name, "TXT", search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            said = "gave no answer in time" if isinstance(error, dns.exception.Timeout) else "answered with an error"
            raise NoAnswerFromResolver(f"the resolver {said} for {name}: try again, or another --resolver") from None
        return [b"".join(record.strings).decode("utf-8", "replace").strip() for record in answer]

    return look_up


def resolver_at(address: str | None) -> dns.resolver.Resolver:
    """The resolver at `127.0.0.1:5353`, `9.9.9.9` or `[::1]:53`; without an address the machine's own. Raises Refused."""
    if not address:
        try:
            resolver = dns.resolver.Resolver()
        except dns.resolver.NoResolverConfiguration:
            raise Refused("This machine names no resolver: give one, such as --resolver 9.9.9.9.") from None
    else:
        resolver = dns.resolver.Resolver(configure=False)
        host, port = _parts(address)
        resolver.nameservers, resolver.port = [host], port
    resolver.lifetime = PATIENCE_SECONDS
    return resolver


def tags(record: str) -> dict[str, str]:
    """The `name=value;` pairs of a DKIM or DMARC record; the first of each name."""
    found: dict[str, str] = {}
    for part in record.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def _parts(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":") if address.count(":") == 1 or "]:" in address else (address, "", "")
    try:
        return str(ip_address(host.strip("[]"))), int(port) if colon else DNS_PORT
    except ValueError:
        raise Refused(f"{address!r} is no resolver: write its number, such as 9.9.9.9 or 127.0.0.1:5353.") from None
