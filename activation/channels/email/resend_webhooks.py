"""Resend's webhooks, signed as Svix does (https://docs.svix.com/receiving/verifying-payloads/how-manual)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from activation.channels.contract import Bounce, Outcome, WebhookInvalid, WebhookRefused
from activation.channels.email.bounces import bounce_of
from activation.channels.email.payloads import assert_fresh, inside, json_of, object_of, our_id, text, time_of
from activation.channels.words import fit

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


class ResendWebhooks:
    """Believes a request that one of the secrets signed in the last five minutes."""

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
        assert_fresh(datetime.fromtimestamp(int(timestamp), UTC), now, past=TOLERANCE, future=TOLERANCE)
        signed = f"{event_id}.{timestamp}.".encode() + body
        given = [part[3:] for part in headers.get("svix-signature", "").split() if part.startswith("v1,")]
        right = [_signature(secret, signed) for secret in self._secrets]
        if not any(hmac.compare_digest(mine.encode(), other.encode()) for mine in right for other in given):
            raise WebhookRefused("no signature is right")
        return event_id


def _signature(secret: str, signed: bytes) -> str:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise WebhookRefused("RESEND_WEBHOOK_SECRET is no secret of Resend: copy it whole, whsec_…") from None
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


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
