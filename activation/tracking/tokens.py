"""Signed tokens in the links of a mail: they name a message, and nobody can make one up."""

from __future__ import annotations

from itsdangerous import BadSignature, URLSafeSerializer


class Links:
    """Makes and reads the addresses that a mail carries for its recipient."""

    def __init__(self, *, public_url: str, secret: str) -> None:
        self._public_url = public_url
        self._unsubscribe = URLSafeSerializer(secret, salt="unsubscribe")

    def unsubscribe_url(self, message_id: int) -> str:
        """Where this recipient unsubscribes: GET shows a page, POST acts (RFC 8058)."""
        return f"{self._public_url}/u/{self._unsubscribe.dumps(message_id)}"

    def message_of(self, token: str) -> int | None:
        """The message that an unsubscribe token names; None when it is not one of ours."""
        try:
            named = self._unsubscribe.loads(token)
        except BadSignature:
            return None
        return named if isinstance(named, int) else None
