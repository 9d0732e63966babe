"""Reading what providers post: never trusting its shape, never losing what is not understood."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from activation.channels.contract import WebhookInvalid, WebhookRefused

NOTHING: Mapping[str, Any] = {}
LONGEST_ID = 18  # digits of a bigint that surely fits


def json_of(body: bytes | str) -> Any:
    """Its JSON. Raises WebhookInvalid; invalid UTF-8 is no JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise WebhookInvalid("the body is no JSON") from None


def object_of(value: Any) -> dict[str, Any]:
    """The value if it is an object. Raises WebhookInvalid."""
    if not isinstance(value, dict):
        raise WebhookInvalid("the body is no JSON object")
    return value


def inside(content: Any, *path: str) -> Mapping[str, Any]:
    """The object at that path; an empty one where there is none."""
    for name in path:
        content = content.get(name) if isinstance(content, dict) else None
    return content if isinstance(content, dict) else NOTHING


def text(value: Any) -> str | None:
    """A text that says something, else None."""
    return value.replace("\0", "") or None if isinstance(value, str) else None


def our_id(value: Any) -> int | None:
    """Our message id from a tag; None for what is none of ours."""
    written = str(value) if isinstance(value, int | str) else ""
    is_number = written.isascii() and written.isdecimal() and len(written) <= LONGEST_ID
    return int(written) if is_number else None


def time_of(value: Any, *, default: datetime) -> datetime:
    """A time as ISO 8601 text or seconds since 1970; `default` where it cannot be read."""
    with suppress(ValueError, OverflowError, OSError):
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        found = datetime.fromisoformat(str(value))
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    return default


def assert_fresh(sent_at: datetime, now: datetime, *, past: timedelta, future: timedelta) -> None:
    """Raises WebhookRefused for a request that is too old, or from the future."""
    if not now - past <= sent_at <= now + future:
        raise WebhookRefused(f"the request is of {sent_at.isoformat(timespec='seconds')}, too far from now")
