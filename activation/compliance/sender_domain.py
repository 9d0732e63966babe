"""Whether the DNS of the From domain lets mailboxes believe our mail: SPF, DKIM, DMARC and how they align.

What is asked and why: RFC 7208 (SPF), RFC 6376 (DKIM), RFC 7489 (DMARC), Gmail's and Yahoo's rules for bulk senders
(https://support.google.com/a/answer/81126, https://senders.yahooinc.com/best-practices/).
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from activation.compliance.dns_text import Lookup, NoAnswerFromResolver, tags
from activation.errors import Refused

Status = Literal["found", "missing", "wrong", "unanswered"]

MOST_SPF_LOOKUPS = 10  # RFC 7208, section 4.6.4
SPF_TERMS_THAT_LOOK_UP = ("include", "a", "mx", "ptr", "exists", "redirect")
SHORTEST_RSA_KEY = 150  # bytes of DER: a key of 1024 bits has 162, one of 768 bits 126; Gmail believes none below 1024


@dataclass(frozen=True)
class ProviderDomain:
    """What a provider wants in DNS: its part of SPF, the usual host of the return path, its DKIM selectors.

    Empty where the provider gives every account its own: then the account's pages say, and the caller passes them.
    """

    name: str
    include: str
    return_path: str
    selectors: tuple[str, ...]
    dkim_value: str


PROVIDERS = {
    "resend": ProviderDomain(
        "Resend", "amazonses.com", "send", ("resend",), "TXT with the key that Resend shows under Domains"
    ),
    "ses": ProviderDomain(
        "Amazon SES", "amazonses.com", "", (), "the three CNAME records that SES shows under Identities"
    ),
    "sendgrid": ProviderDomain(
        "SendGrid", "sendgrid.net", "", ("s1", "s2"), "CNAME that SendGrid shows under Sender Authentication"
    ),
    "postmark": ProviderDomain(
        "Postmark", "spf.mtasv.net", "pm-bounces", (), "TXT that Postmark shows under DNS Settings"
    ),
}
OTHER = ProviderDomain(
    "the mail server", "", "", (), "TXT with the public half of the key that the mail server signs with"
)


@dataclass(frozen=True)
class Finding:
    """One record: where it belongs, whether it is right, why not, and the exact record to add."""

    record: Literal["SPF", "DKIM", "DMARC"]
    host: str
    status: Status
    says: str
    add: str
    value: str | None = None


@dataclass(frozen=True)
class Requirement:
    """What Gmail and Yahoo ask of bulk senders. `met` is None where DNS cannot tell."""

    asks: str
    met: bool | None


@dataclass(frozen=True)
class DomainReport:
    """All findings on a domain. `ready` when every one is found."""

    domain: str
    provider: str
    findings: list[Finding]
    requirements: list[Requirement]

    @property
    def ready(self) -> bool:
        return all(finding.status == "found" for finding in self.findings)


def check(
    domain: str, provider: str, *, look_up: Lookup, selectors: Sequence[str] = (), return_path: str | None = None
) -> DomainReport:
    """Looks the records up. `return_path` is the domain of the envelope's sender, `selectors` the names of the DKIM keys.

    Raises Refused for what is no domain.
    """
    from_domain = _ascii(domain)
    about = PROVIDERS.get(provider, OTHER)
    envelope = _ascii(return_path or ".".join(filter(None, (about.return_path, from_domain))))
    dmarc, organisation, policy = _dmarc(from_domain, look_up)
    spf = _spf(envelope, about, look_up)
    if spf.status == "found":
        spf = _aligned(spf, envelope, from_domain, organisation, strict=policy.get("aspf") == "s")
    keys = [_dkim(name, from_domain, about, look_up) for name in (selectors or about.selectors)]
    findings = [spf, *(keys or [_no_selector(from_domain, about)]), dmarc]
    return DomainReport(from_domain, about.name, findings, _requirements(findings))


def _spf(host: str, about: ProviderDomain, look_up: Lookup) -> Finding:
    wanted = f"include:{about.include} " if about.include else ""
    add = f'{host} TXT "v=spf1 {wanted}~all"'
    try:
        records = [text for text in look_up(host) if _is_spf(text)]
        if not records:
            return Finding("SPF", host, "missing", "there is no SPF record", add)
        record = max(records, key=lambda text: (len(text), text))  # several come in any order; the longest says most
        add = f'{host} TXT "{_with_include(record, about.include)}", in place of what is there'
        if len(records) > 1:
            problem = "there are several SPF records: receivers then believe none"
        elif any(term in ("+all", "all") for term in record.lower().split()):
            problem = "it ends in +all: anybody may send as you"
        elif about.include and f"include:{about.include}" not in record.lower().split():
            problem = f"it does not name {about.name} ({about.include})"
        elif (looked_up := _lookups(record, look_up)) > MOST_SPF_LOOKUPS:
            problem = (
                f"it takes {looked_up} look-ups and receivers stop at {MOST_SPF_LOOKUPS}: take out what no longer sends"
            )
        else:
            return Finding("SPF", host, "found", f"{about.name} may send", "", record)
    except NoAnswerFromResolver as problem_of_dns:
        return Finding("SPF", host, "unanswered", str(problem_of_dns), "")
    return Finding("SPF", host, "wrong", problem, add, record)


def _is_spf(text: str) -> bool:
    return text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")


def _with_include(record: str, include: str) -> str:
    """The record as it should be: the provider's part once, ahead of a closing ~all or -all."""
    terms = [term for term in record.split()[1:] if term.lower() not in ("+all", "all", "?all", "~all", "-all")]
    closing = next((term for term in record.lower().split() if term in ("~all", "-all")), "~all")
    if include and f"include:{include}" not in [term.lower() for term in terms]:
        terms.append(f"include:{include}")
    return " ".join(["v=spf1", *terms, closing])


def _lookups(record: str, look_up: Lookup, depth: int = 0) -> int:
    """How many DNS queries the record costs a receiver, with those of what it includes."""
    count = 0
    for term in record.lower().split()[1:]:
        name, _, target = term.lstrip("+-~?").replace("redirect=", "redirect:").partition(":")
        if name.split("/")[0] in SPF_TERMS_THAT_LOOK_UP:
            count += 1
            if name in ("include", "redirect") and depth < MOST_SPF_LOOKUPS and count <= MOST_SPF_LOOKUPS:
                count += sum(_lookups(text, look_up, depth + 1) for text in look_up(target) if _is_spf(text))
    return count


def _aligned(spf: Finding, envelope: str, from_domain: str, organisation: str | None, *, strict: bool) -> Finding:
    """SPF counts for DMARC only when the envelope's domain is the From domain's (RFC 7489, section 3.1.2)."""
    if envelope == from_domain:
        return spf
    if strict:
        says = f"DMARC asks for strict alignment (aspf=s), but bounces go to {envelope}: DKIM alone counts"
        return Finding("SPF", spf.host, "wrong", says, "take aspf=s out of the DMARC record", spf.value)
    roof = organisation or from_domain
    if _below(envelope, roof) or _below(from_domain, envelope):
        return spf
    says = f"bounces go to {envelope}, which is not under {roof}: SPF does not count for DMARC"
    return Finding("SPF", spf.host, "wrong", says, f"set the return path to a name under {from_domain}", spf.value)


def _dkim(selector: str, domain: str, about: ProviderDomain, look_up: Lookup) -> Finding:
    host = f"{selector}._domainkey.{domain}"
    add = f"{host}: {about.dkim_value}"
    try:
        # a key is given by its p=; v=DKIM1 may be left out
        records = [text for text in look_up(host) if "p" in tags(text)]
    except NoAnswerFromResolver as problem_of_dns:
        return Finding("DKIM", host, "unanswered", str(problem_of_dns), "")
    if not records:
        return Finding("DKIM", host, "missing", "there is no key", add)
    problem = "there are several keys under one name" if len(records) > 1 else _problem_of_key(tags(records[0]))
    if problem:
        return Finding("DKIM", host, "wrong", problem, f"{add}, in place of what is there", records[0])
    return Finding("DKIM", host, "found", f"the key signs as {domain}: aligned", "", records[0])


def _problem_of_key(key: dict[str, str]) -> str | None:
    if key.get("v", "DKIM1") != "DKIM1":
        return f"it is of version {key['v']}, and DKIM1 is the only one"
    public = "".join(key["p"].split())
    if not public:
        return "the key is revoked: its p= is empty"
    try:
        der = b64decode(public, validate=True)
    except (binascii.Error, ValueError):
        return "the key is damaged: its p= is not base64, perhaps cut when it was copied"
    if key.get("k", "rsa") == "rsa" and len(der) < SHORTEST_RSA_KEY:
        return "the key is cut or shorter than 1024 bits: Gmail does not believe it"
    if "y" in key.get("t", "").split(":"):
        return "the key is marked as a test (t=y): receivers may treat the mail as unsigned"
    return None


def _no_selector(domain: str, about: ProviderDomain) -> Finding:
    says = f"{about.name} gives every account its own selector: say which, with --selector"
    return Finding("DKIM", f"<selector>._domainkey.{domain}", "missing", says, about.dkim_value)


def _dmarc(domain: str, look_up: Lookup) -> tuple[Finding, str | None, dict[str, str]]:
    """The policy of the domain or of the nearest domain above it that has one, and which that is."""
    host = f"_dmarc.{domain}"
    add = f'{host} TXT "v=DMARC1; p=none; rua=mailto:dmarc@{domain}"'
    labels = domain.split(".")
    try:
        for at in range(len(labels) - 1):
            roof = ".".join(labels[at:])
            records = [text for text in look_up(f"_dmarc.{roof}") if tags(text).get("v") == "DMARC1"]
            if records:
                return _policy(records, roof, domain, add), roof, tags(records[0])
    except NoAnswerFromResolver as problem_of_dns:
        return Finding("DMARC", host, "unanswered", str(problem_of_dns), ""), None, {}
    return Finding("DMARC", host, "missing", "there is no DMARC record", add), None, {}


def _policy(records: list[str], roof: str, domain: str, add: str) -> Finding:
    host, policy = f"_dmarc.{roof}", tags(records[0])
    add = add.replace(f"_dmarc.{domain} ", f"{host} ") + ", in place of what is there"
    asked = policy.get("p", "") if roof == domain else policy.get("sp", policy.get("p", ""))
    if len(records) > 1:
        return Finding(
            "DMARC", host, "wrong", "there are several DMARC records: receivers then believe none", add, records[0]
        )
    if asked.lower() not in ("none", "quarantine", "reject"):
        says = "it has no policy: p= is none, quarantine or reject"
        return Finding("DMARC", host, "wrong", says, add, records[0])
    return Finding("DMARC", host, "found", f"the policy is {asked.lower()}", "", records[0])


def _requirements(findings: list[Finding]) -> list[Requirement]:
    def found(record: str) -> bool:
        return all(finding.status == "found" for finding in findings if finding.record == record)

    return [
        Requirement("SPF and DKIM for the sending domain", found("SPF") and found("DKIM")),
        Requirement(
            "DMARC, at least p=none, aligned by SPF or DKIM", found("DMARC") and (found("SPF") or found("DKIM"))
        ),
        Requirement(
            asks="One-click unsubscribe, honoured within 2 days: every marketing mail has it, and it acts at once",
            met=True,
        ),
        Requirement("Complaints under 0.1 %, never 0.3 %: see the deliverability screen", None),
    ]


def _below(name: str, roof: str) -> bool:
    return name == roof or name.endswith(f".{roof}")


def _ascii(domain: str) -> str:
    try:
        name = domain.strip().rstrip(".").lower().encode("idna").decode()
    except UnicodeError:
        name = ""
    if "." not in name or not all(name.split(".")) or any(mark in name for mark in " @/:"):
        raise Refused(f"{domain!r} is no domain: give it as in news.company.com.")
    return name
