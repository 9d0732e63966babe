"""From an outbox row to the mail that leaves: stored values only, so that it can be made again exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr

from activation.channels.contract import Mail
from activation.templates.render import Version, compiled
from activation.tracking.tokens import Links


@dataclass(frozen=True)
class Envelope:
    """What all mails of a run share."""

    campaign_run_id: int
    campaign_key: str
    campaign_name: str
    sender: str
    postal_address: str
    workspace: str


def compose(
    envelope: Envelope,
    version: Version,
    message_id: int,
    address: str,
    tokens: Mapping[str, object],
    links: Links,
) -> Mail:
    """One mail. Raises RenderError when this contact's values do not fit the template."""
    own = links.of(message_id)
    name, bare_sender = parseaddr(envelope.sender)
    rendered = compiled(version).render(
        {
            **tokens,
            "campaign_name": envelope.campaign_name,
            "sender_name": name or bare_sender,
            "postal_address": envelope.postal_address,
            "unsubscribe_url": own.unsubscribe,
            "preferences_url": own.preferences,
            "open_url": own.open,
            "click_url": own.click,
        }
    )
    return Mail(
        message_id=message_id,
        sender=envelope.sender,
        to=address,
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        headers={
            "List-Unsubscribe": f"<{own.unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Feedback-ID": f"{envelope.campaign_run_id}:{envelope.campaign_key}:{envelope.workspace}",
        },
        tags={"message_id": str(message_id), "campaign": envelope.campaign_key},
    )
