"""What Resend knows of one mail, for those whose webhooks never came (https://resend.com/docs/api-reference/emails/retrieve-email).

Through Resend's own library: a few mails an hour, one after another. It reads key and address from module globals, which are
set before each call, so that it asks as the settings of this object say.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import resend
from resend.exceptions import ResendError

from activation.channels.contract import Bounce, Outcome, StatusUnavailable
from activation.channels.email.payloads import text, time_of
from activation.channels.words import fit

NO_SUCH_MAIL = {"404", "422"}  # unknown, or no id of theirs
# the last event of a mail: what it proves, in our words. Who opens or clicks has got it; when and how often, only webhooks
# tell. What is not here (queued, sent, scheduled) is no news
PROVES = {
    "delivered": "delivered",
    "opened": "delivered",
    "clicked": "delivered",
    "delivery_delayed": "deferred",
    "bounced": "bounced",
    "complained": "complained",
    "failed": "rejected",
    "suppressed": "rejected",
}
# the kind of a bounce is not told here: it counts as one whose kind nobody knows
BOUNCES: dict[str, Bounce] = {"bounced": "soft", "suppressed": "hard"}


class ResendStatus:
    """Asks Resend for the last event of a mail; each question is one request and is never repeated."""

    def __init__(self, *, api_key: str, api_url: str, requests_per_second: float) -> None:
        self.requests_per_second = requests_per_second
        self._api_key = api_key
        self._api_url = api_url.rstrip("/")

    def last_word(self, provider_message_id: str, *, now: datetime) -> Outcome | None:
        """What the last event of this mail proves, None if nothing is known. Raises StatusUnavailable."""
        resend.api_key, resend.api_url = self._api_key, self._api_url
        try:
            mail: Any = resend.Emails.get(email_id=provider_message_id)
        except ResendError as error:
            if str(error.code) in NO_SUCH_MAIL:
                return None
            raise StatusUnavailable(f"Resend {error.code} {error.error_type}: {fit(error)}") from None
        return outcome_of(provider_message_id, mail, now=now)


def outcome_of(provider_message_id: str, mail: Any, *, now: datetime) -> Outcome | None:
    """The outcome that an answer tells of. It happened after `created_at`, the only time that is told."""
    told = text(mail.get("last_event")) or ""
    if told not in PROVES:
        return None
    return Outcome(
        type=PROVES[told],
        event_id=f"asked/{provider_message_id}/{PROVES[told]}",
        occurred_at=min(time_of(mail.get("created_at"), default=now), now),
        provider_message_id=provider_message_id,
        bounce=BOUNCES.get(told),
        payload={"last_event": told},
    )
