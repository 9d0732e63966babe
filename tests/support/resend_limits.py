"""The rate limit and the idempotency keys of the local Resend."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tests.support.resend_rules import Refused

KEY_SECONDS = 24 * 3600
"""https://resend.com/docs/dashboard/emails/idempotency-keys"""

Scope = tuple[str, str, str | None]
"""Idempotency keys are known per API key, endpoint and key."""


@dataclass
class RateWindow:
    """Requests of a team in a second that begins with the first of them; without burst above the limit.

    https://resend.com/docs/api-reference/rate-limit
    """

    limit: int
    began: float = -math.inf
    used: int = 0

    def take(self, now: float) -> bool:
        """Counts a request in; False when its second is full."""
        if not self.began <= now < self.began + 1:
            self.began, self.used = now, 0
        if self.limit and self.used >= self.limit:
            return False
        self.used += 1
        return True

    def headers(self) -> dict[str, str]:
        if not self.limit:
            return {}
        return {
            "ratelimit-limit": str(self.limit),
            "ratelimit-remaining": str(self.limit - self.used),
            "ratelimit-reset": "1",
        }


@dataclass(slots=True)
class Memory:
    """What is known under an idempotency key; no answer while the first request is in progress."""

    fingerprint: str
    at: float
    answer: bytes | None = None


class KeyMemory:
    """Idempotency keys, kept for 24 hours.

    https://resend.com/docs/dashboard/emails/idempotency-keys
    """

    def __init__(self) -> None:
        self._memories: dict[Scope, Memory] = {}

    def recall(self, scope: Scope, fingerprint: str, now: float) -> Memory:
        """The memory under this key, a new one where there is none. Raises Refused (409) as the API does."""
        memory = self._memories.get(scope)
        if memory is None or now - memory.at >= KEY_SECONDS:
            self._memories[scope] = memory = Memory(fingerprint, now)
            return memory
        if memory.fingerprint != fingerprint:
            words = (
                "This idempotency key has been used with this HTTP method and endpoint within the last 24 "
                "hours, but the request body was modified and doesn't match the original request."
            )
            raise Refused(409, "invalid_idempotent_request", words)
        if memory.answer is None:
            words = "There is another request in progress with the same idempotency key."
            raise Refused(409, "concurrent_idempotent_requests", words)
        return memory

    def forget(self, scope: Scope) -> None:
        """A request that was refused leaves its key free."""
        self._memories.pop(scope, None)
