"""One pooled client for providers that are asked over HTTP: one request per call, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson

from activation.channels.contract import Cause, NotProcessed, OutcomeUnknown
from activation.channels.words import fit

LONGEST_WAIT = 24 * 3600.0
CONNECT_SECONDS = 8.0  # within the whole, so that a connection never made is told from an answer never given
REFUSED_KEY = {401, 403, 404, 405}
REDIRECTS = {301, 302, 303, 307, 308}


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer; `content` is its JSON, None where it is none."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(self.body)
        return None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own numbers

    def retry_after(self) -> float | None:
        """Seconds that the provider asks to wait, a day at most; None if it names none.

        `retry-after` in seconds or as a date, else the reset of a used-up rate limit: `ratelimit-reset` in seconds,
        `x-ratelimit-reset` as seconds since 1970. Dates are held against the server's own.
        """
        asked = self.headers.get("retry-after")
        waits = (
            _number(asked),
            self._until(_date(asked)),
            self._of_used_up("ratelimit"),
            self._until(_epoch(self._of_used_up("x-ratelimit"))),
        )
        return next((min(max(wait, 0.0), LONGEST_WAIT) for wait in waits if wait is not None), None)

    def _of_used_up(self, prefix: str) -> float | None:
        is_used_up = self.headers.get(f"{prefix}-remaining", "0") == "0"
        return _number(self.headers.get(f"{prefix}-reset")) if is_used_up else None

    def _until(self, later: datetime | None) -> float | None:
        now = _date(self.headers.get("date"))
        return (later - now).total_seconds() if later and now else None


class Http:
    """A provider's endpoint. Follows no redirect and repeats nothing, so one call is one request."""

    def __init__(self, provider: str, *, url: str, headers: Mapping[str, str], timeout_seconds: float) -> None:
        self._provider = provider
        self._url = url
        self._headers = {"Content-Type": "application/json", "User-Agent": "eque-engage", **headers}
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds))
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self, body: bytes, *, headers: Mapping[str, str] | None = None
    ) -> Reply | NotProcessed | OutcomeUnknown:
        """The answer to one request; NotProcessed if its first byte never left, OutcomeUnknown if the answer was lost."""
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers, timeout=self._timeout)
        try:
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                return self._checked(Reply(response.status, response.headers, await response.read()))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:  # before the first byte left
            reason = getattr(error, "strerror", None) or "unreachable"
            return NotProcessed(Cause.UNREACHABLE, f"cannot connect to {self._provider}: {fit(reason)}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return OutcomeUnknown(f"no answer from {self._provider}: {type(error).__name__}")

    async def close(self) -> None:
        """Lets go of the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _checked(self, reply: Reply) -> Reply | NotProcessed:
        if reply.status in REDIRECTS:
            words = f"{self._provider} answers {reply.status}, a redirect: its address in the settings is wrong"
            return NotProcessed(Cause.CONFIGURATION, words)
        return reply


def _number(written: str | None) -> float | None:
    return float(written) if written and written.replace(".", "", 1).isdecimal() and written.isascii() else None


def _date(written: str | None) -> datetime | None:
    with suppress(TypeError, ValueError):
        found = parsedate_to_datetime(written or "")
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def _epoch(seconds: float | None) -> datetime | None:
    with suppress(OverflowError, ValueError, OSError):
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return None
