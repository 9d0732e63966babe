"""One pooled client for providers that are asked over HTTP: one request per call, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson

from activation.channels.contract import Cause, NotProcessed, OutcomeUnknown
from activation.channels.words import fit

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
        """Seconds that the provider asks to wait: `retry-after` as seconds or date, else the reset of its rate limit."""
        return (
            self._seconds("retry-after")
            or _between(self.headers.get("date"), self.headers.get("retry-after"))
            or self._until_reset()
        )

    def _until_reset(self) -> float | None:
        left, reset = self.headers.get("ratelimit-remaining", "0"), self._seconds("ratelimit-reset")
        return reset if left == "0" else None

    def _seconds(self, header: str) -> float | None:
        with suppress(ValueError):
            return max(float(self.headers.get(header) or ""), 0.0)
        return None


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


def _between(now: str | None, later: str | None) -> float | None:
    """Seconds from one HTTP date to another: the server's own clock, whatever ours says."""
    with suppress(TypeError, ValueError):
        return max((parsedate_to_datetime(later or "") - parsedate_to_datetime(now or "")).total_seconds(), 0.0)
    return None
