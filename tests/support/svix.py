"""Webhooks as Resend sends them, signed by the functions of its own library."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import orjson
import resend

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes, ok!").decode()


def event(kind: str, message_id: int | None, *, at: datetime, email_id: str = "e-1", **data: Any) -> bytes:
    """The body of a webhook; without `message_id` no tag of ours."""
    tags = {} if message_id is None else {"message_id": str(message_id)}
    content = {"type": kind, "created_at": at.isoformat(), "data": {"email_id": email_id, "tags": tags, **data}}
    return orjson.dumps(content)


def signed(body: bytes, *, event_id: str, at: datetime, secret: str = SECRET) -> dict[str, str]:
    """The headers that go with it."""
    timestamp = str(int(at.timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{event_id}.{timestamp}.".encode() + body
    signature = resend.Webhooks._generate_signature(key, content)
    return {"svix-id": event_id, "svix-timestamp": timestamp, "svix-signature": f"v1,{signature}"}
