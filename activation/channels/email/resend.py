"""Resend (https://resend.com/docs/api-reference): batches of at most 100 mails under an Idempotency-Key kept for 24 h.

Everything goes through a pooled client of our own: the SDK opens a connection per call, and tells an unknown outcome from a
refusal no better than by its words. Its webhooks are signed as Svix does, whose headers have names of their own for what
https://www.standardwebhooks.com says; that library signs, and the time is judged here, by the clock that we are given.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from activation.channels.contract import (
    Accepted,
    Answer,
    Bounce,
    Cause,
    ContentRefused,
    KeyConflict,
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
from activation.channels.email.payloads import assert_fresh, inside, json_of, object_of, our_id, text, time_of
from activation.channels.http import REFUSED_KEY, Http, Reply
from activation.channels.words import fit

QUOTA_ERRORS = {"daily_quota_exceeded", "monthly_quota_exceeded"}
CONTENT_STATUSES = {400, 413, 422, 451}
# wrong for every mail alike, though Resend answers as to a bad mail: nobody may be marked failed for it
OUR_FAULT = ("Invalid `from` field", "API key is invalid")

TOLERANCE = timedelta(minutes=5)

# https://resend.com/docs/webhooks/event-types; what is not here keeps Resend's word
TYPES = {
    "email.scheduled": "queued",
    "email.sent": "sent",
    "email.delivered": "delivered",
    "email.delivery_delayed": "deferred",
    "email.bounced": "bounced",
    "email.failed": "rejected",
    "email.suppressed": "rejected",
    "email.complained": "complained",
    "email.opened": "opened",
    "email.clicked": "clicked",
}
# type of a bounce, and type/subtype where that says more (https://resend.com/docs/dashboard/emails/email-bounces)
BOUNCES: dict[str, Bounce] = {
    "Permanent": "hard",
    "Transient": "soft",
    "Undetermined": "soft",
    "Transient/MessageTooLarge": "uncounted",
    "Transient/ContentRejected": "uncounted",
    "Transient/AttachmentRejected": "uncounted",
}


class Resend:
    """Resend's batch endpoint, strict: one bad mail refuses the batch and nothing of it is accepted."""

    name = "resend"
    channel = "email"

    def __init__(
        self, *, api_key: str, api_url: str, requests_per_second: float = 2.0, timeout_seconds: float = 20.0
    ) -> None:
        self.limits = Limits(batch_size=100, key_seconds=24 * 3600, requests_per_second=requests_per_second)
        self._http = Http(
            "Resend",
            url=f"{api_url.rstrip('/')}/emails/batch",
            headers={"Authorization": f"Bearer {api_key}"},
            timeout_seconds=timeout_seconds,
        )

    def encode(self, mails: Sequence[Mail]) -> bytes:
        one_line(mails)
        return orjson.dumps([_as_json(mail) for mail in mails])

    async def send(self, body: bytes, *, size: int, idempotency_key: str) -> Answer:
        reply = await self._http.post(body, headers={"Idempotency-Key": idempotency_key})
        return read_answer(reply, size) if isinstance(reply, Reply) else reply

    async def close(self) -> None:
        await self._http.close()


def read_answer(reply: Reply, size: int) -> Answer:  # noqa: PLR0911 - a table of answers
    """What an answer to a strict batch of `size` mails means (https://resend.com/docs/api-reference/errors)."""
    if reply.is_success:
        return _accepted(reply.content, size)
    error = reply.content if isinstance(reply.content, dict) else {}
    name, message = str(error.get("name") or ""), str(error.get("message") or "")
    words = f"Resend {reply.status} {name}: {fit(message)}".strip(": ")
    if reply.status == 429:  # noqa: PLR2004
        return NotProcessed(Cause.QUOTA if name in QUOTA_ERRORS else Cause.RATE, words, reply.retry_after())
    if reply.status == 409 and name == "invalid_idempotent_request":  # noqa: PLR2004
        return KeyConflict(words)
    if reply.status == 409 and name == "concurrent_idempotent_requests":  # noqa: PLR2004
        return NotProcessed(Cause.IN_FLIGHT, words, max(reply.retry_after() or 0.0, 1.0))
    if reply.status in REFUSED_KEY or message.startswith(OUR_FAULT):
        return NotProcessed(Cause.CONFIGURATION, words)
    if reply.status in CONTENT_STATUSES and name:
        return ContentRefused(words, _position(error))
    return OutcomeUnknown(words, reply.retry_after())


def _as_json(mail: Mail) -> dict[str, Any]:
    return {
        "from": mail.sender,
        "to": [mail.to],
        "subject": mail.subject,
        "html": mail.html,
        "text": mail.text,
        "headers": dict(mail.headers),
        "tags": [{"name": name, "value": value} for name, value in mail.tags.items()],
    }


def _accepted(content: Any, size: int) -> Answer:
    data = content.get("data") if isinstance(content, dict) else None
    ids = [row.get("id") for row in data if isinstance(row, dict)] if isinstance(data, list) else []
    if len(ids) != size or not all(isinstance(found, str) for found in ids):
        return OutcomeUnknown(f"Resend answered with {len(ids)} ids for {size} mails")
    return Accepted([str(found) for found in ids])


def _position(error: dict[str, Any]) -> int | None:
    errors = error.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        index = errors[0].get("index")
        return index if isinstance(index, int) else None
    return None


class ResendWebhooks:
    """Believes a request that one of the secrets signed in the last five minutes."""

    asks_network = False

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = [secret for secret in secrets if secret]

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> list[Outcome]:
        event_id = self._verified(headers, body, now)
        content = object_of(json_of(body))
        told = text(content.get("type"))
        if told is None:
            raise WebhookInvalid("the event has no type")
        data = inside(content, "data")
        return [_outcome(event_id, told, content, data, now)]

    def _verified(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        if not self._secrets:
            raise WebhookRefused("RESEND_WEBHOOK_SECRET is not set")
        event_id, timestamp = headers.get("svix-id", ""), headers.get("svix-timestamp", "")
        if not event_id or not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 12):  # noqa: PLR2004
            raise WebhookRefused("svix-id or svix-timestamp is missing")
        signed_at = datetime.fromtimestamp(int(timestamp), UTC)
        assert_fresh(signed_at, now, past=TOLERANCE, future=TOLERANCE)
        try:
            right = [_key(secret).sign(event_id, signed_at, body.decode()) for secret in self._secrets]
        except UnicodeDecodeError:
            raise WebhookInvalid("the body is no text") from None
        given = headers.get("svix-signature", "").split()
        if not any(hmac.compare_digest(mine.encode(), other.encode()) for mine in right for other in given):
            raise WebhookRefused("no signature is right")
        return event_id


def _key(secret: str) -> Webhook:
    try:
        return Webhook(secret)
    except (ValueError, EmptyWebhookSecretError):
        raise WebhookRefused("RESEND_WEBHOOK_SECRET is no secret of Resend: copy it whole, whsec_…") from None


def _outcome(event_id: str, told: str, content: dict[str, Any], data: Mapping[str, Any], now: datetime) -> Outcome:
    kind = TYPES.get(told, told)
    bounce, click = inside(data, "bounce"), inside(data, "click")
    words = fit(
        bounce.get("message") or inside(data, "failed").get("reason") or inside(data, "suppressed").get("message")
    )
    return Outcome(
        type=kind,
        event_id=event_id,
        occurred_at=time_of(content.get("created_at"), default=now),
        message_id=our_id(_tags(data).get("message_id")),
        epoch=text(_tags(data).get("epoch")),
        provider_message_id=text(data.get("email_id")),
        bounce=_bounce(told, words, bounce),
        words=words or None,
        link=text(click.get("link")),
        agent=text(click.get("userAgent")),
        ip=text(click.get("ipAddress")),
        payload=content,
    )


def _bounce(told: str, words: str, bounce: Mapping[str, Any]) -> Bounce | None:
    if told == "email.suppressed":
        return "hard"  # the address is on Resend's own list and will never be written to
    if told != "email.bounced":
        return None
    kind, exact = str(bounce.get("type")), f"{bounce.get('type')}/{bounce.get('subType')}"
    return bounce_of(words, exact if exact in BOUNCES else kind, BOUNCES)


def _tags(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Tags as an object, as webhooks have them; a list of name and value, as they were sent, is read too."""
    tags = data.get("tags")
    if isinstance(tags, list):
        return {str(tag.get("name")): tag.get("value") for tag in tags if isinstance(tag, dict)}
    return tags if isinstance(tags, dict) else {}
