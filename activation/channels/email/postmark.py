"""Postmark (https://postmarkapp.com/developer/api/email-api): up to 500 mails a request, each with its own answer; no keys."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from activation.channels.contract import (
    Accepted,
    Answer,
    Bounce,
    Cause,
    ContentRefused,
    Limits,
    Mail,
    NotProcessed,
    Outcome,
    OutcomeUnknown,
    Refused,
    WebhookInvalid,
    WebhookRefused,
)
from activation.channels.email.bounces import bounce_of
from activation.channels.email.headers import one_line
from activation.channels.email.payloads import inside, json_of, object_of, our_id, text, time_of
from activation.channels.http import REFUSED_KEY, Http, Reply
from activation.channels.words import fit

# ErrorCode (https://postmarkapp.com/developer/api/overview#error-codes): wrong for every mail alike
CONFIGURATION_CODES = {
    10,  # token
    400, 401,  # sender signature not found, not confirmed
    403, 404, 412, 413,  # account pending, may not send
    1221, 1235, 1236,  # message stream: unknown, archived, of another type
}  # fmt: skip
QUOTA_CODES = {405}  # out of credits
RATE_CODES = {429}
OUR_FAULT = "Invalid 'From' address"
CONTENT_STATUSES = {413, 415, 422}
LONGEST_METADATA = 80  # a longer value would have the mail refused

# RecordType (https://postmarkapp.com/developer/webhooks/webhooks-overview), and the field that holds its time
TYPES = {
    "Delivery": "delivered",
    "SpamComplaint": "complained",
    "Open": "opened",
    "Click": "clicked",
}
TIMES = {
    "Delivery": "DeliveredAt",
    "Bounce": "BouncedAt",
    "SpamComplaint": "BouncedAt",
    "SubscriptionChange": "ChangedAt",
}
# Type of a Bounce (https://postmarkapp.com/developer/api/bounce-api#bounce-types) that is something else
NO_BOUNCES = {
    "SpamComplaint": "complained",
    "Unsubscribe": "unsubscribed",
    "AutoResponder": "AutoResponder",
    "AddressChange": "AddressChange",
    "ChallengeVerification": "ChallengeVerification",
    "Subscribe": "Subscribe",
    "OpenRelayTest": "OpenRelayTest",
}
BOUNCES: dict[str, Bounce] = {
    "HardBounce": "hard",
    "BadEmailAddress": "hard",
    "ManuallyDeactivated": "hard",
    "SoftBounce": "soft",
    "Transient": "soft",
    "DnsError": "soft",
    "Undeliverable": "soft",
    "Unknown": "soft",
    "Unconfirmed": "soft",
    "SpamNotification": "uncounted",
    "VirusNotification": "uncounted",
    "Blocked": "uncounted",
    "DMARCPolicy": "uncounted",
    "SMTPApiError": "uncounted",
    "TemplateRenderingFailed": "uncounted",
}


class Postmark:
    """Postmark's batch endpoint, one message stream."""

    name = "postmark"
    channel = "email"
    limits = Limits(batch_size=500, key_seconds=0)

    def __init__(
        self, *, server_token: str, api_url: str, message_stream: str = "broadcast", timeout_seconds: float = 30.0
    ) -> None:
        self._stream = message_stream
        self._http = Http(
            "Postmark",
            url=f"{api_url.rstrip('/')}/email/batch",
            headers={"X-Postmark-Server-Token": server_token, "Accept": "application/json"},
            timeout_seconds=timeout_seconds,
        )

    def encode(self, mails: Sequence[Mail]) -> bytes:
        one_line(mails)
        return orjson.dumps([self._as_json(mail) for mail in mails])

    async def send(self, body: bytes, *, size: int, idempotency_key: str) -> Answer:  # noqa: ARG002 - the contract
        reply = await self._http.post(body)
        return read_answer(reply, size) if isinstance(reply, Reply) else reply

    async def close(self) -> None:
        await self._http.close()

    def _as_json(self, mail: Mail) -> dict[str, Any]:
        return {
            "From": mail.sender,
            "To": mail.to,
            "Subject": mail.subject,
            "HtmlBody": mail.html,
            "TextBody": mail.text,
            "Headers": [{"Name": name, "Value": value} for name, value in mail.headers.items()],
            "Metadata": {name: value[:LONGEST_METADATA] for name, value in mail.tags.items()},
            "MessageStream": self._stream,
            "TrackOpens": False,  # our own links count opens and clicks; Postmark's would replace them
            "TrackLinks": "None",
        }


def read_answer(reply: Reply, size: int) -> Answer:
    """What an answer to a batch of `size` mails means."""
    if reply.is_success:
        return _accepted(reply, size)
    error = reply.content if isinstance(reply.content, dict) else {}
    code = error.get("ErrorCode")
    words = _words(error, f"Postmark {reply.status}")
    return (
        _for_all(reply.status, code, words, reply)
        or (ContentRefused(words) if reply.status in CONTENT_STATUSES and code else None)
        or OutcomeUnknown(words, reply.retry_after())
    )


def _for_all(status: int, code: Any, words: str, reply: Reply) -> NotProcessed | None:
    """What keeps every mail of the account from leaving, None if it is not that."""
    if status == 429 or code in RATE_CODES:  # noqa: PLR2004
        return NotProcessed(Cause.RATE, words, reply.retry_after())
    if code in QUOTA_CODES:
        return NotProcessed(Cause.QUOTA, words, reply.retry_after())
    if status in REFUSED_KEY or code in CONFIGURATION_CODES or OUR_FAULT in words:
        return NotProcessed(Cause.CONFIGURATION, words)
    return None


def _accepted(reply: Reply, size: int) -> Answer:
    rows = reply.content
    if not isinstance(rows, list) or len(rows) != size or not all(isinstance(row, dict) for row in rows):
        return OutcomeUnknown(f"Postmark answered {size} mails with something else than {size} results")
    results = [_result(row, reply) for row in rows]
    if any(found is None for found in results):
        return OutcomeUnknown("Postmark answered a mail without an id")
    halts = [found for found in results if isinstance(found, NotProcessed)]
    return halts[0] if len(halts) == size else Accepted([found for found in results if found is not None])


def _result(row: dict[str, Any], reply: Reply) -> str | Refused | NotProcessed | None:
    code = row.get("ErrorCode")
    if code == 0:
        return text(row.get("MessageID"))
    if not isinstance(code, int):
        return None
    words = _words(row, "Postmark")
    return _for_all(reply.status, code, words, reply) or Refused(words)


def _words(error: Mapping[str, Any], begin: str) -> str:
    code = f" {error['ErrorCode']}" if error.get("ErrorCode") else ""
    return f"{begin}{code}: {fit(error.get('Message'))}".rstrip(": ")


class PostmarkWebhooks:
    """Believes a request with our user and password: Postmark signs nothing, but keeps both in the webhook's address.

    It gives no time of its own either, so the same event may come again at any time, under the same id.
    """

    asks_network = False

    def __init__(self, *, user: str, password: str) -> None:
        self._expected = f"{user}:{password}".encode() if user and password else b""

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> list[Outcome]:
        self._verify(headers.get("authorization", ""))
        event = object_of(json_of(body))
        told = text(event.get("RecordType"))
        if told is None:
            raise WebhookInvalid("the event has no RecordType")
        return [_outcome(told, event, body, now)]

    def _verify(self, authorization: str) -> None:
        if not self._expected:
            raise WebhookRefused("POSTMARK_WEBHOOK_USER or POSTMARK_WEBHOOK_PASSWORD is not set")
        scheme, _, encoded = authorization.partition(" ")
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            given = b""
        if not hmac.compare_digest(given, self._expected) or scheme.lower() != "basic":
            raise WebhookRefused("user or password is wrong")


def _outcome(told: str, event: dict[str, Any], body: bytes, now: datetime) -> Outcome:
    kind = _type(told, event)
    words = fit(event.get("Details") or event.get("Description") or event.get("SuppressionReason"))
    return Outcome(
        type=kind,
        event_id=_event_id(told, event, body),
        occurred_at=time_of(event.get(TIMES.get(told, "ReceivedAt")), default=now),
        message_id=our_id(inside(event, "Metadata").get("message_id")),
        epoch=text(inside(event, "Metadata").get("epoch")),
        provider_message_id=text(event.get("MessageID")),
        bounce=bounce_of(words, str(event.get("Type")), BOUNCES) if kind == "bounced" else None,
        words=words or None,
        link=text(event.get("OriginalLink")),
        agent=text(event.get("UserAgent")),
        ip=text(inside(event, "Geo").get("IP")),
        payload=event,
    )


def _type(told: str, event: Mapping[str, Any]) -> str:
    if told == "Bounce":
        return NO_BOUNCES.get(str(event.get("Type")), "bounced")
    is_leaving = event.get("SuppressSending") is True and event.get("SuppressionReason") == "ManualSuppression"
    if told == "SubscriptionChange" and is_leaving and event.get("Origin") == "Recipient":
        return "unsubscribed"
    return TYPES.get(told, told)


def _event_id(told: str, event: Mapping[str, Any], body: bytes) -> str:
    """Postmark numbers bounces only: elsewhere the message, the time and the link tell one event from another."""
    if event.get("ID"):
        return f"{told}/{event['ID']}"
    if text(event.get("MessageID")) is None:
        return f"{told}/{hashlib.sha256(body).hexdigest()}"
    parts = [event.get(name) for name in ("MessageID", TIMES.get(told, "ReceivedAt"), "OriginalLink")]
    return f"{told}/{hashlib.sha256(orjson.dumps(parts)).hexdigest()}"
