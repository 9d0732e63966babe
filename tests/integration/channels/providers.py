"""Every provider for the shared suite: its channel, what reached it, and how it says each of the things it may say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from activation.channels.contract import Answer, Channel, Mail
from activation.channels.email.postmark import Postmark
from activation.channels.email.resend import Resend
from activation.channels.email.sendgrid import SendGrid
from activation.channels.email.ses import Ses
from activation.channels.email.smtp import Smtp
from tests.support import mail_apis
from tests.support.http_provider import Answer as Says
from tests.support.http_provider import Fault, HttpProvider, forwarded_to, serving
from tests.support.mail_apis import ses_error
from tests.support.resend_process import running_resend
from tests.support.smtp_provider import MailServer, authenticated, mail_server

NOW = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
PAGE = Says(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", {"content-type": "text/html"})
WAIT = {"retry-after": "7"}


@dataclass
class Provider:
    """A provider under test. `says` holds what it can be told to do once, by name."""

    name: str
    channel: Callable[..., Channel]
    attempts: Callable[[], int]
    wire: Callable[[], bytes]
    says: dict[str, Callable[[], None]]
    bad: str = "ada@invalid"
    retry_after: float | None = None

    def send(self, *mails: Mail, key: str = "", **how: object) -> Answer:
        """One attempt through a channel of its own."""
        return asyncio.run(self._send(self.channel(**how), mails, key or f"test/{mails[0].message_id}"))

    async def _send(self, channel: Channel, mails: tuple[Mail, ...], key: str) -> Answer:
        try:
            return await channel.send(channel.encode(mails), size=len(mails), idempotency_key=key)
        finally:
            await channel.close()


def mail(number: int = 1, to: str = "ada@mail.test.dev", **how: object) -> Mail:
    values = {
        "message_id": number,
        "sender": "The Shop <news@shop.test.dev>",
        "to": to,
        "subject": "Grüße, Ada",
        "html": "<p>Hello <b>Ada</b> — <a href='https://engage.test.dev/c/abc?x=1&amp;y=2'>look</a></p>",
        "text": "Hello Ada — look: https://engage.test.dev/c/abc?x=1&y=2\n.\nBye",
        "headers": {
            "List-Unsubscribe": f"<https://engage.test.dev/u/{'t' * 120}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        "tags": {"message_id": str(number), "campaign": "sale"},
    }
    return Mail(**{**values, **how})  # type: ignore[arg-type]


def over_http(
    name: str,
    server: HttpProvider,
    make: Callable[..., Channel],
    said: dict[str, Says],
    *,
    forget: Callable[[], None] = lambda: None,
) -> Provider:
    """A provider behind a local server: what it can say, and how its connection can fail."""
    server.requests.clear()
    server.fault = None
    forget()

    def will(fault: Fault) -> Callable[[], None]:
        return lambda: setattr(server, "fault", fault)

    faults = {
        word: Fault(answer)
        for word, answer in {"html_page": PAGE, "success_page": Says(200, PAGE.body), **said}.items()
    }
    cuts = {f"cut_{where}": Fault(cut=where) for where in ("before", "after", "middle")} | {"hang": Fault(cut="hang")}
    return Provider(
        name=name,
        channel=lambda url=server.url, **how: make(url, **how),
        attempts=lambda: len(server.requests),
        wire=lambda: b"".join(request.body for request in server.requests),
        says={word: will(fault) for word, fault in {**faults, **cuts}.items()},
        bad="ada@example.com" if name == "resend" else "ada@invalid",
        retry_after=7.0,
    )


def says(status: int, content: object, headers: dict[str, str] | None = None) -> Says:
    return Says(status, orjson.dumps(content), {"content-type": "application/json", **(headers or {})})


def resend_error(status: int, name: str, headers: dict[str, str] | None = None) -> Says:
    return says(status, {"statusCode": status, "name": name, "message": "words of ada.lovelace@mail.test.dev"}, headers)


@contextmanager
def resend() -> Iterator[Callable[[], Provider]]:
    said = {
        "unauthorised": resend_error(401, "missing_api_key"),
        "forbidden": resend_error(403, "invalid_api_key"),
        "rate": resend_error(429, "rate_limit_exceeded", WAIT),
        "quota": resend_error(429, "daily_quota_exceeded"),
        "server_error": resend_error(500, "application_error"),
        "redirect": Says(308, headers={"location": "/elsewhere"}),
    }
    with running_resend(rate=0) as local, serving(forwarded_to(local.url)) as server:
        yield lambda: over_http(
            "resend",
            server,
            lambda url, timeout=20.0: Resend(api_key="re_test", api_url=url, timeout_seconds=timeout),
            said,
            forget=local.reset,
        )


@contextmanager
def ses() -> Iterator[Callable[[], Provider]]:
    def make(url: str, timeout: float = 20.0) -> Channel:
        return Ses(
            region="eu-west-1", access_key_id="AKIATEST", secret_access_key="secret", endpoint_url=url,
            configuration_set="engage", timeout_seconds=timeout,
        )  # fmt: skip

    said = {
        "unauthorised": ses_error(401, "UnrecognizedClientException", "The security token is invalid."),
        "forbidden": ses_error(403, "InvalidSignatureException", "The request signature does not match."),
        "rate": ses_error(429, "TooManyRequestsException", "Maximum sending rate exceeded."),
        "quota": ses_error(429, "TooManyRequestsException", "Daily message quota exceeded."),
        "server_error": ses_error(500, "InternalFailure", "It broke."),
        "our_sender": ses_error(400, "MessageRejected", "Email address is not verified: news@shop.test.dev"),
    }
    said["rate"] = Says(429, said["rate"].body, {**said["rate"].headers, **WAIT})
    with mail_apis.ses() as behaviour, serving(behaviour) as server:
        yield lambda: over_http("ses", server, make, said)


@contextmanager
def sendgrid() -> Iterator[Callable[[], Provider]]:
    def error(status: int, message: str, field: str | None = None, headers: dict[str, str] | None = None) -> Says:
        return says(status, {"errors": [{"message": message, "field": field}]}, headers)

    said = {
        "unauthorised": error(401, "The provided authorization grant is invalid"),
        "forbidden": error(403, "The from address does not match a verified Sender Identity.", "from"),
        "rate": error(429, "too many requests", headers=WAIT),
        "quota": error(401, "Maximum credits exceeded"),
        "server_error": error(500, "Internal Server Error"),
        "our_sender": error(400, "The from email does not contain a valid address.", "from.email"),
        "redirect": Says(301, headers={"location": "/elsewhere"}),
    }
    with serving(mail_apis.sendgrid) as server:
        yield lambda: over_http(
            "sendgrid",
            server,
            lambda url, timeout=20.0: SendGrid(api_key="SG.test", api_url=url, timeout_seconds=timeout),
            said,
        )


@contextmanager
def postmark() -> Iterator[Callable[[], Provider]]:
    def error(status: int, code: int, headers: dict[str, str] | None = None) -> Says:
        return says(status, {"ErrorCode": code, "Message": "words"}, headers)

    said = {
        "unauthorised": error(401, 10),
        "forbidden": error(403, 10),
        "rate": error(429, 429, WAIT),
        "quota": error(422, 405),
        "server_error": error(500, 500),
        "our_sender": error(422, 400),
    }
    with serving(mail_apis.postmark) as server:
        yield lambda: over_http(
            "postmark",
            server,
            lambda url, timeout=20.0: Postmark(server_token="test", api_url=url, timeout_seconds=timeout),
            said,
        )


@contextmanager
def smtp() -> Iterator[Callable[[], Provider]]:
    with mail_server(authenticator=authenticated, auth_require_tls=False) as server:
        yield lambda: over_smtp(server)


def over_smtp(server: MailServer) -> Provider:
    server.__dict__.update(attempts=0, sessions=0, mails=[], envelopes=[], replies={}, cuts="", hangs="")

    def make(url: str = "", timeout: float = 20.0) -> Channel:
        where = url.replace("http:", "smtp:") or f"smtp://127.0.0.1:{server.port}"
        return Smtp(url=where, clock=lambda: NOW, timeout_seconds=timeout)

    def reply(stage: str, words: str) -> Callable[[], None]:
        return lambda: server.replies.update({stage: words})

    return Provider(
        name="smtp",
        channel=make,
        attempts=lambda: server.attempts,
        wire=lambda: b"".join(server.mails),
        says={
            "unauthorised": reply("MAIL", "530 5.7.0 Authentication required"),
            "forbidden": reply("RCPT", "554 5.7.1 Relay access denied"),
            "rate": reply("RCPT", "450 4.7.1 Greylisted, try again later"),
            "our_sender": reply("MAIL", "550 5.7.1 not allowed to send as this sender"),
            "cut_after": lambda: setattr(server, "cuts", "AFTER"),
            "cut_before_data": lambda: setattr(server, "cuts", "RCPT"),
            "hang": lambda: setattr(server, "hangs", "DATA"),
        },
        bad="ada@invalid.test.dev",
        retry_after=60.0,
    )


PROVIDERS = {"resend": resend, "ses": ses, "sendgrid": sendgrid, "postmark": postmark, "smtp": smtp}
