"""SendGrid v3 (https://www.twilio.com/docs/sendgrid/api-reference/mail-send): one mail a request, no idempotency keys."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

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
    WebhookInvalid,
    WebhookRefused,
)
from activation.channels.email.bounces import bounce_of
from activation.channels.email.headers import one_line
from activation.channels.email.payloads import assert_fresh, json_of, our_id, text, time_of
from activation.channels.http import REFUSED_KEY, Http, Reply
from activation.channels.words import fit

CONTENT_STATUSES = {400, 413, 415, 422}
OUT_OF_CREDITS = "Maximum credits exceeded"  # told with 401, though the key is right
ACCEPTED = 202
# our own links count opens and clicks; SendGrid's would replace them
NO_TRACKING = {
    "click_tracking": {"enable": False, "enable_text": False},
    "open_tracking": {"enable": False},
    "subscription_tracking": {"enable": False},
}

TOLERANCE = timedelta(minutes=5)
SIGNATURE, TIMESTAMP = "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"

# https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event; what is not here keeps SendGrid's word
TYPES = {
    "processed": "queued",
    "delivered": "delivered",
    "deferred": "deferred",
    "bounce": "bounced",
    "blocked": "bounced",
    "dropped": "rejected",
    "spamreport": "complained",
    "open": "opened",
    "click": "clicked",
    "unsubscribe": "unsubscribed",
    "group_unsubscribe": "unsubscribed",
}
# bounce_classification, else type
BOUNCES: dict[str, Bounce] = {
    "Invalid Address": "hard",
    "Mailbox Unavailable": "soft",
    "Technical": "soft",
    "Technical Failure": "soft",
    "Frequency or Volume Too High": "soft",
    "Unclassified": "soft",
    "Content": "uncounted",
    "Reputation": "uncounted",
    "bounce": "hard",
    "blocked": "uncounted",  # about the mail or its sender, as SendGrid says
}
# reasons of `dropped` that are about the address: it is on SendGrid's own lists
ADDRESS_DROPPED = ("Bounced Address", "Invalid", "Spam Reporting Address", "Unsubscribed Address")
INVALID_HEADER = "Invalid SMTPAPI header"


class SendGrid:
    """SendGrid's mail/send; a batch of many would need one body for all."""

    name = "sendgrid"
    channel = "email"
    limits = Limits(batch_size=1, key_seconds=0)

    def __init__(self, *, api_key: str, api_url: str, timeout_seconds: float = 20.0) -> None:
        self._http = Http(
            "SendGrid",
            url=f"{api_url.rstrip('/')}/v3/mail/send",
            headers={"Authorization": f"Bearer {api_key}"},
            timeout_seconds=timeout_seconds,
        )

    def encode(self, mails: Sequence[Mail]) -> bytes:
        one_line(mails)
        (mail,) = mails
        return orjson.dumps(_as_json(mail))

    async def send(self, body: bytes, *, size: int, idempotency_key: str) -> Answer:  # noqa: ARG002 - the contract
        reply = await self._http.post(body)
        return read_answer(reply) if isinstance(reply, Reply) else reply

    async def close(self) -> None:
        await self._http.close()


def read_answer(reply: Reply) -> Answer:
    """What an answer to one mail means."""
    if reply.status == ACCEPTED and reply.headers.get("x-message-id"):
        return Accepted([reply.headers["x-message-id"]])
    if reply.is_success:
        return OutcomeUnknown(f"SendGrid answered {reply.status} without an id")
    message, field = _error(reply.content)
    words = f"SendGrid {reply.status}: {fit(message)}".rstrip(": ")
    if reply.status == 429 or OUT_OF_CREDITS in message:  # noqa: PLR2004
        is_quota = OUT_OF_CREDITS in message
        return NotProcessed(Cause.QUOTA if is_quota else Cause.RATE, words, reply.retry_after())
    if reply.status in REFUSED_KEY or field.startswith("from"):  # a wrong sender is wrong for every mail
        return NotProcessed(Cause.CONFIGURATION, words)
    if reply.status in CONTENT_STATUSES and message:
        return ContentRefused(words, 0)
    return OutcomeUnknown(words, reply.retry_after())


def _as_json(mail: Mail) -> dict[str, Any]:
    name, address = parseaddr(mail.sender)
    return {
        "personalizations": [{"to": [{"email": mail.to}]}],
        "from": {"email": address, "name": name} if name else {"email": address},
        "subject": mail.subject,
        "content": [{"type": "text/plain", "value": mail.text}, {"type": "text/html", "value": mail.html}],
        "headers": dict(mail.headers),
        "custom_args": dict(mail.tags),
        "tracking_settings": NO_TRACKING,
    }


def _error(content: Any) -> tuple[str, str]:
    """Message and field of the first error."""
    errors = content.get("errors") if isinstance(content, dict) else None
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    return str(first.get("message") or ""), str(first.get("field") or "")


class SendGridWebhooks:
    """Believes a request that one of the public keys verifies (ECDSA over timestamp and body), of the last five minutes."""

    asks_network = False

    def __init__(self, public_keys: Sequence[str]) -> None:
        self._public_keys = [key for key in public_keys if key]

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> list[Outcome]:
        self._verify(headers, body, now)
        events = json_of(body)
        if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
            raise WebhookInvalid("the body is no list of events")
        return [_outcome(event, now) for event in events]

    def _verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        if not self._public_keys:
            raise WebhookRefused("SENDGRID_WEBHOOK_PUBLIC_KEY is not set")
        timestamp = headers.get(TIMESTAMP, "")
        if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 12):  # noqa: PLR2004
            raise WebhookRefused("the timestamp is missing")
        assert_fresh(datetime.fromtimestamp(int(timestamp), UTC), now, past=TOLERANCE, future=TOLERANCE)
        signed, signature = timestamp.encode() + body, headers.get(SIGNATURE, "")
        if not any(_is_right(key, signature, signed) for key in self._public_keys):
            raise WebhookRefused("no signature is right")


def _is_right(public_key: str, signature: str, signed: bytes) -> bool:
    try:
        key = load_der_public_key(base64.b64decode(public_key))
    except ValueError:
        raise WebhookRefused("SENDGRID_WEBHOOK_PUBLIC_KEY is no key of SendGrid: copy it whole, MFkw…") from None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    try:
        key.verify(base64.b64decode(signature, validate=True), signed, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def _outcome(event: dict[str, Any], now: datetime) -> Outcome:
    told = text(event.get("event")) or "event"
    words = fit(
        " ".join(str(part) for part in (event.get("status"), event.get("reason") or event.get("response")) if part)
    )
    return Outcome(
        type=TYPES.get(told, told),
        event_id=text(event.get("sg_event_id")) or _made_id(event),
        occurred_at=time_of(event.get("timestamp"), default=now),
        message_id=our_id(event.get("message_id")),
        epoch=text(event.get("epoch")),
        provider_message_id=(text(event.get("sg_message_id")) or "").partition(".")[0] or None,
        bounce=_bounce(told, event, words),
        words=words or None,
        link=text(event.get("url")),
        agent=text(event.get("useragent")),
        ip=text(event.get("ip")),
        payload=event,
    )


def _bounce(told: str, event: Mapping[str, Any], words: str) -> Bounce | None:
    if TYPES.get(told) == "bounced":
        known = [str(event.get(name)) for name in ("bounce_classification", "type")]
        return bounce_of(words, next((kind for kind in known if kind in BOUNCES), told), BOUNCES)
    reason = str(event.get("reason") or "")
    if told == "dropped" and reason.startswith(ADDRESS_DROPPED) and not reason.startswith(INVALID_HEADER):
        return "hard"
    return None


def _made_id(event: dict[str, Any]) -> str:
    """An id for an event that came without: the same each time it comes."""
    return hashlib.sha256(orjson.dumps(event, option=orjson.OPT_SORT_KEYS)).hexdigest()
