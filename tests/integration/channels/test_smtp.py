"""SMTP against aiosmtpd: what arrives is a mail that any reader opens, and what is uncertain is told from what is not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from html.parser import HTMLParser

import pytest

from activation.channels.contract import Accepted, Cause, ContentRefused, NotProcessed, OutcomeUnknown
from activation.channels.email.smtp import Smtp, message_id_of
from activation.tracking.tokens import Links
from tests.integration.channels.providers import NOW, mail, over_smtp
from tests.support.smtp_provider import authenticated, mail_server

LINKS = Links(public_url="https://engage.test.dev", secrets=["s"])


@pytest.fixture(scope="module")
def running():
    with mail_server(authenticator=authenticated, auth_require_tls=False) as server:
        yield server


@pytest.fixture
def server(running):
    over_smtp(running)
    return running


def send(server, *mails, login="", timeout=20.0):
    async def all_of_them():
        channel = Smtp(url=f"smtp://{login}127.0.0.1:{server.port}", clock=lambda: NOW, timeout_seconds=timeout)
        try:
            return [await channel.send(channel.encode([one]), size=1, idempotency_key="") for one in mails]
        finally:
            await channel.close()

    return asyncio.run(all_of_them())


def received(server):
    return message_from_bytes(server.mails[-1], policy=default)


class Addresses(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("href", "src")]


def test_what_arrives_opens_in_a_mail_reader_with_both_parts_and_every_header(server):
    (answer,) = send(server, mail(42))

    got = received(server)
    assert got.defects == []
    assert got.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in got.iter_parts()] == ["text/plain", "text/html"]
    assert all(part.defects == [] and part.get_content_charset() == "utf-8" for part in got.iter_parts())
    assert got.get_body(("html",)).get_content().strip() == mail().html
    assert got.get_body(("plain",)).get_content().replace("\r\n", "\n").strip() == mail().text
    assert (got["From"], got["To"]) == ("The Shop <news@shop.test.dev>", "ada@mail.test.dev")
    assert got["Subject"] == "Grüße, Ada"
    assert got["MIME-Version"] == "1.0"
    assert got["Date"].datetime == NOW
    assert got["Message-ID"] == answer.results[0]
    assert message_id_of(got["Message-ID"]) == 42
    assert server.envelopes == [("news@shop.test.dev", ["ada@mail.test.dev"])]


def test_the_signed_links_of_a_received_mail_are_whole_and_right(server):
    unsubscribe = LINKS.of(42).unsubscribe
    html = f"<p>{'word ' * 400}</p><a href='{unsubscribe}'>No more</a>"
    send(server, mail(42, html=html, text=f"No more: {unsubscribe}", headers={"List-Unsubscribe": f"<{unsubscribe}>"}))

    got = received(server)
    header = got["List-Unsubscribe"].strip("<>")
    (in_html,) = Addresses(got.get_body(("html",)).get_content()).found
    in_text = got.get_body(("plain",)).get_content().split()[-1]
    assert header == in_html == in_text == unsubscribe
    assert LINKS.message_of("u", header.rsplit("/", 1)[1]) == 42


def test_a_long_unsubscribe_address_is_never_folded_or_encoded(server):
    address = f"<https://engage.test.dev/u/{'abc-_123' * 60}>"
    send(server, mail(headers={"List-Unsubscribe": address, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}))

    assert f"List-Unsubscribe: {address}\r\n".encode() in server.mails[-1]
    assert received(server)["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_no_line_is_longer_than_mail_servers_take(server):
    send(server, mail(html=f"<p>{'ü€𝄞' * 20_000}</p>", text="x" * 50_000, subject="Größe " * 60))

    assert max(map(len, server.mails[-1].split(b"\r\n"))) <= 998
    assert server.mails[-1].replace(b"\r\n", b"").count(b"\n") == 0
    got = received(server)
    assert got.get_body(("html",)).get_content().strip() == f"<p>{'ü€𝄞' * 20_000}</p>"
    assert got["Subject"].strip() == ("Größe " * 60).strip()


def test_names_and_rare_line_breaks_are_written_as_a_reader_shows_them(server):
    send(server, mail(sender='"Müller, Söhne" <news@müller.test.dev>', subject="a\u2028b\x85c"))

    got = received(server)
    assert got["From"].addresses[0].display_name == "Müller, Söhne"
    assert got["From"].addresses[0].addr_spec == "news@xn--mller-kva.test.dev"
    assert got["Subject"] == "a b c"


def test_several_mails_go_over_one_connection_and_the_next_survives_a_refusal(server):
    answers = send(server, mail(1), mail(2, to="x@invalid.test.dev"), mail(3))

    assert [type(answer) for answer in answers] == [Accepted, ContentRefused, Accepted]
    assert "5.1.1" in answers[1].words
    assert "x@" not in answers[1].words
    assert server.sessions == 1


def test_a_cut_after_data_is_unknown_and_before_it_certain(server):
    server.cuts = "RCPT"
    (before,) = send(server, mail())
    server.cuts = "AFTER"
    (after,) = send(server, mail())

    assert isinstance(before, NotProcessed)
    assert before.cause is Cause.UNREACHABLE
    assert isinstance(after, OutcomeUnknown)
    assert len(server.mails) == 1


@pytest.mark.parametrize("reply", ["251 perhaps", "gibberish", "999 what"])
def test_an_answer_to_data_that_is_neither_yes_nor_no_is_unknown(server, reply):
    server.replies["DATA"] = reply

    (answer,) = send(server, mail())

    assert isinstance(answer, OutcomeUnknown)


def test_a_server_that_hangs_before_data_has_processed_nothing(server):
    server.hangs = "RCPT"

    (answer,) = send(server, mail(), timeout=0.5)

    assert isinstance(answer, NotProcessed)
    assert server.mails == []


@pytest.mark.parametrize(
    ("stage", "reply", "means"),
    [
        ("RCPT", "452 4.2.2 mailbox full", ContentRefused),
        ("RCPT", "451 4.3.0 try later", Cause.RATE),
        ("RCPT", "550 5.7.1 Relaying denied", Cause.CONFIGURATION),
        ("MAIL", "421 4.7.0 too many connections", Cause.RATE),
        ("MAIL", "552 5.3.4 message too big", ContentRefused),
        ("DATA", "554 5.7.1 looks like spam", ContentRefused),
        ("DATA", "550 5.7.26 this mail is unauthenticated", Cause.CONFIGURATION),
        ("DATA", "451 4.3.2 system busy", Cause.RATE),
    ],
)
def test_a_reply_concerns_the_mail_or_everybody(server, stage, reply, means):
    server.replies[stage] = reply

    (answer,) = send(server, mail())

    assert getattr(answer, "cause", type(answer)) is means
    assert reply[:3] in answer.words
    assert server.attempts == 1


def test_a_login_is_made_and_a_wrong_one_halts_without_its_password_in_words(server):
    (right,) = send(server, mail(), login="ada:pass%2Fword@")
    (wrong,) = send(server, mail(), login="ada:wrong-secret@")

    assert isinstance(right, Accepted)
    assert isinstance(wrong, NotProcessed)
    assert wrong.cause is Cause.CONFIGURATION
    assert "wrong-secret" not in wrong.words


@pytest.mark.parametrize("url", ["mail.test.dev:25", "http://mail.test.dev", "smtp://", "smtp://host:port"])
def test_an_address_that_is_none_halts_and_says_what_it_must_look_like(url):
    channel = Smtp(url=url, clock=lambda: datetime.now(UTC))

    answer = asyncio.run(channel.send(channel.encode([mail()]), size=1, idempotency_key=""))

    assert answer == NotProcessed(Cause.CONFIGURATION, answer.words)
    assert "smtp://user:password@host:587" in answer.words


def test_a_local_part_with_other_letters_needs_a_server_that_takes_them(server):
    other = mail(to="ädä@mail.test.dev")
    with mail_server(enable_SMTPUTF8=False) as old:
        (refused,) = send(old, other)
        assert old.attempts == 0
    (taken,) = send(server, other)

    assert isinstance(refused, ContentRefused)
    assert isinstance(taken, Accepted)
    assert received(server)["To"] == "ädä@mail.test.dev"
