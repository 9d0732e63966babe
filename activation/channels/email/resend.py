"""Resend (https://resend.com/docs/api-reference): batches of at most 100 mails under an Idempotency-Key kept for 24 h.

Bulk goes through a pooled client of our own: the SDK opens a connection per call, and tells an unknown outcome from a refusal
no better than by its words. Single mails go through the SDK.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import aiohttp
import orjson

from activation.channels.contract import (
    Accepted,
    Answer,
    Cause,
    ContentRefused,
    KeyConflict,
    Limits,
    Mail,
    NotProcessed,
    OutcomeUnknown,
)

QUOTA_ERRORS = {"daily_quota_exceeded", "monthly_quota_exceeded"}
CONFIGURATION_STATUSES = {401, 403, 404, 405}
CONTENT_STATUSES = {400, 413, 422, 451}
# wrong for every mail alike, though Resend answers as to a bad mail: nobody may be marked failed for it
OUR_FAULT = ("Invalid `from` field", "API key is invalid")


class Resend:
    """Resend's batch endpoint, strict: one bad mail refuses the batch and nothing of it is accepted."""

    name = "resend"
    channel = "email"

    def __init__(
        self, *, api_key: str, api_url: str, requests_per_second: float = 2.0, timeout_seconds: float = 20.0
    ) -> None:
        self.limits = Limits(batch_size=100, key_seconds=24 * 3600, requests_per_second=requests_per_second)
        self._url = f"{api_url.rstrip('/')}/emails/batch"
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "Content-Type": "application/json",
            "User-Agent": "eque-engage",
        }
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    def encode(self, mails: Sequence[Mail]) -> bytes:
        return orjson.dumps([_as_json(mail) for mail in mails])

    async def send(self, body: bytes, *, size: int, idempotency_key: str) -> Answer:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers, timeout=self._timeout)
        try:
            async with self._session.post(
                self._url, data=body, headers={"Idempotency-Key": idempotency_key}
            ) as response:
                return read_answer(response.status, await response.read(), response.headers, size)
        except aiohttp.ClientConnectorError as error:  # before the first byte left
            return NotProcessed(Cause.UNREACHABLE, f"cannot connect to Resend: {error.strerror or 'unreachable'}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return OutcomeUnknown(f"no answer from Resend: {type(error).__name__}")

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def read_answer(status: int, body: bytes, headers: Any, size: int) -> Answer:  # noqa: PLR0911 - a table of answers
    """What an answer to a strict batch of `size` mails means (https://resend.com/docs/api-reference/errors)."""
    content: Any = None
    with suppress(orjson.JSONDecodeError):
        content = orjson.loads(body)
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own numbers
        return _accepted(content, size)
    error = content if isinstance(content, dict) else {}
    name = str(error.get("name") or "")
    words = f"Resend {status} {name}: {str(error.get('message') or '')[:300]}".strip(": ")
    retry_after = _seconds(headers.get("retry-after"))
    if status == 429:  # noqa: PLR2004
        return NotProcessed(Cause.QUOTA if name in QUOTA_ERRORS else Cause.RATE, words, retry_after)
    if status == 409 and name == "invalid_idempotent_request":  # noqa: PLR2004
        return KeyConflict(words)
    if status == 409 and name == "concurrent_idempotent_requests":  # noqa: PLR2004
        return NotProcessed(Cause.IN_FLIGHT, words, max(retry_after or 0.0, 1.0))
    if status in CONFIGURATION_STATUSES or str(error.get("message")).startswith(OUR_FAULT):
        return NotProcessed(Cause.CONFIGURATION, words)
    if status in CONTENT_STATUSES and name:
        return ContentRefused(words, _position(error))
    return OutcomeUnknown(words, retry_after)


def send_single(*, api_key: str, api_url: str, mail: Mail, idempotency_key: str) -> str:
    """Sends one mail through the official SDK and returns Resend's id. Raises the SDK's ResendError."""
    import resend  # noqa: PLC0415 - reads key and address from the environment while it is imported

    resend.api_key, resend.api_url = api_key, api_url
    params: Any = _as_json(mail)
    return str(resend.Emails.send(params, options={"idempotency_key": idempotency_key})["id"])


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


def _seconds(header: str | None) -> float | None:
    try:
        return float(header) if header else None
    except ValueError:
        return None
