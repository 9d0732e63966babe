"""The domain check against a real DNS server on loopback: what is right, what is missing, what is wrong and what to add."""

from base64 import b64encode

import pytest
from typer.testing import CliRunner

from activation.compliance import dns_text, sender_domain
from activation.errors import Refused
from console.main import app
from engage_db.settings import load_settings
from tests.support.dns_server import serving

# keys of the lengths of real ones: DER of 2048 and 1024 bits; what is checked is form and length
KEY_2048, KEY_1024, KEY_768 = (b64encode(bytes(length)).decode() for length in (294, 162, 126))
RIGHT = {
    "send.shop.dev": ["v=spf1 include:amazonses.com ~all"],
    "amazonses.com": ["v=spf1 ip4:199.255.192.0/22 -all"],
    "resend._domainkey.shop.dev": [f"p={KEY_2048}"],
    "_dmarc.shop.dev": ["v=DMARC1; p=none; rua=mailto:dmarc@shop.dev"],
}


def checked(zone, domain="shop.dev", provider="resend", **options):
    with serving({**RIGHT, **zone}) as server:
        resolver = dns_text.resolver_at(server.address)
        resolver.lifetime = 1.0
        return sender_domain.check(domain, provider, look_up=dns_text.texts_of(resolver), **options)


def finding(record, zone, **options):
    return next(each for each in checked(zone, **options).findings if each.record == record)


def test_a_domain_set_up_for_its_provider_is_ready():
    report = checked({})

    assert report.ready
    assert [(each.record, each.host, each.status) for each in report.findings] == [
        ("SPF", "send.shop.dev", "found"),
        ("DKIM", "resend._domainkey.shop.dev", "found"),
        ("DMARC", "_dmarc.shop.dev", "found"),
    ]
    assert [requirement.met for requirement in report.requirements] == [True, True, True, None]


def test_a_domain_without_records_is_told_each_to_add():
    report = checked({}, domain="other.dev")

    assert [(each.status, each.add) for each in report.findings] == [
        ("missing", 'send.other.dev TXT "v=spf1 include:amazonses.com ~all"'),
        ("missing", "resend._domainkey.other.dev: TXT with the key that Resend shows under Domains"),
        ("missing", '_dmarc.other.dev TXT "v=DMARC1; p=none; rua=mailto:dmarc@other.dev"'),
    ]
    assert [requirement.met for requirement in report.requirements] == [False, False, True, None]


@pytest.mark.parametrize(
    ("records", "says", "add"),
    [
        (["v=spf1 ip4:192.0.2.1 -all"], "does not name Resend", '"v=spf1 ip4:192.0.2.1 include:amazonses.com -all"'),
        (["v=spf1 include:amazonses.com", "v=spf1 -all"], "several SPF records", '"v=spf1 include:amazonses.com ~all"'),
        (["v=spf1 include:amazonses.com +all"], "anybody may send", '"v=spf1 include:amazonses.com ~all"'),
        (["v=spf1 include:amazonses.com all"], "anybody may send", '"v=spf1 include:amazonses.com ~all"'),
        (["v=spf1 include:amazonses.com " + "a:x.dev " * 10 + "~all"], "11 look-ups", "in place of"),
        (["v=spf1 include:amazonses.com include:loop.dev ~all"], "receivers stop at 10", "in place of"),
    ],
)
def test_a_wrong_spf_record_is_explained_and_corrected(records, says, add):
    found = finding("SPF", {"send.shop.dev": records, "loop.dev": ["v=spf1 include:loop.dev -all"]})

    assert found.status == "wrong"
    assert says in found.says
    assert add in found.add


def test_a_record_that_only_looks_like_spf_is_none():
    assert finding("SPF", {"send.shop.dev": ["v=spf10 include:amazonses.com", "google-site=1"]}).status == "missing"


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("v=DKIM1; p=", "revoked"),
        (f"v=DKIM2; p={KEY_2048}", "of version DKIM2"),
        ("v=DKIM1; k=rsa; p=MIGf!!", "not base64"),
        (f"v=DKIM1; p={KEY_768}", "shorter than 1024"),
        (f"v=DKIM1; t=s:y; p={KEY_2048}", "marked as a test"),
    ],
)
def test_a_dkim_key_that_receivers_do_not_believe_is_explained(key, says):
    found = finding("DKIM", {"resend._domainkey.shop.dev": [key]})

    assert found.status == "wrong"
    assert says in found.says


@pytest.mark.parametrize("key", [f"p={KEY_1024}", f"v=DKIM1; k=ed25519; p={b64encode(bytes(32)).decode()}"])
def test_keys_that_receivers_believe_are_found(key):
    assert finding("DKIM", {"resend._domainkey.shop.dev": [key]}).status == "found"


def test_a_key_is_followed_through_the_provider_s_cname():
    zone = {
        f"{selector}._domainkey.shop.dev CNAME": [f"{selector}.u1.wl.sendgrid.net"] for selector in ("s1", "s2")
    } | {f"{selector}.u1.wl.sendgrid.net": [f"k=rsa; p={KEY_2048}"] for selector in ("s1", "s2")}

    report = checked(zone, provider="sendgrid")

    assert [each.status for each in report.findings if each.record == "DKIM"] == ["found", "found"]


def test_where_accounts_have_their_own_selectors_they_are_asked_for_and_used():
    unnamed = finding("DKIM", {}, provider="ses")
    named = finding("DKIM", {"abc._domainkey.shop.dev": [f"p={KEY_2048}"]}, provider="ses", selectors=["abc"])

    assert (unnamed.status, named.status) == ("missing", "found")
    assert "--selector" in unnamed.says


@pytest.mark.parametrize(
    ("records", "says"),
    [
        (["v=DMARC1; rua=mailto:a@b.dev"], "no policy"),
        (["v=DMARC1; p=maybe"], "no policy"),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], "several DMARC records"),
    ],
)
def test_a_wrong_dmarc_record_is_explained(records, says):
    found = finding("DMARC", {"_dmarc.shop.dev": records})

    assert (found.status, says in found.says) == ("wrong", True)
    assert found.add.startswith('_dmarc.shop.dev TXT "v=DMARC1; p=none')


def test_a_subdomain_is_covered_by_the_policy_above_it():
    zone = {
        "send.news.shop.dev": ["v=spf1 include:amazonses.com -all"],
        "resend._domainkey.news.shop.dev": [f"p={KEY_2048}"],
        "_dmarc.shop.dev": ["v=DMARC1; p=reject; sp=quarantine"],
    }

    report = checked(zone, domain="news.shop.dev")

    assert report.ready
    assert (report.findings[-1].host, report.findings[-1].says) == ("_dmarc.shop.dev", "the policy is quarantine")


@pytest.mark.parametrize(
    ("dmarc", "return_path", "status"),
    [
        ("v=DMARC1; p=none", "bounces.shop.dev", "found"),
        ("v=DMARC1; p=none", "shop.provider.dev", "wrong"),
        ("v=DMARC1; p=none", "notshop.dev", "wrong"),
        ("v=DMARC1; p=none; aspf=s", "bounces.shop.dev", "wrong"),
        ("v=DMARC1; p=none; aspf=s", "shop.dev", "found"),
    ],
)
def test_spf_counts_only_when_bounces_go_under_the_from_domain(dmarc, return_path, status):
    zone = {return_path: ["v=spf1 include:amazonses.com ~all"], "_dmarc.shop.dev": [dmarc]}

    assert finding("SPF", zone, return_path=return_path).status == status


@pytest.mark.parametrize("trouble", ["SERVFAIL", "SILENT"])
def test_what_the_resolver_did_not_answer_is_not_called_missing(trouble):
    report = checked({f"_dmarc.shop.dev {trouble}": []})

    assert report.findings[-1].status == "unanswered"
    assert not report.ready


@pytest.mark.parametrize("domain", ["", "shop", "a b.dev", "user@shop.dev", "shop..dev", "https://shop.dev"])
def test_what_is_no_domain_is_refused(domain):
    with pytest.raises(Refused, match="is no domain"):
        checked({}, domain=domain)


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1:dns", "1.2.3", "[::1]:x"])
def test_what_is_no_resolver_is_refused(address):
    with pytest.raises(Refused, match="is no resolver"):
        dns_text.resolver_at(address)


def test_an_international_domain_is_asked_in_ascii():
    assert checked({}, domain="bücher.dev").domain == "xn--bcher-kva.dev"


def test_the_command_prints_the_records_to_add_and_fails_until_they_are_there(settings_for):
    settings_for.setenv("MAIL_FROM", "Shop <news@shop.dev>")
    settings_for.setenv("RESEND_API_KEY", "re_test")
    load_settings.cache_clear()
    with serving(RIGHT) as server:
        right = CliRunner().invoke(app, ["provider", "check", "--resolver", server.address, "--json"])
        wrong = CliRunner().invoke(app, ["provider", "check", "--domain", "other.dev", "--resolver", server.address])

    assert (right.exit_code, '"ready": true' in right.output) == (0, True)
    assert wrong.exit_code == 1
    assert 'add  _dmarc.other.dev TXT "v=DMARC1; p=none; rua=mailto:dmarc@other.dev"' in wrong.output
    assert "MISSING" in wrong.output
