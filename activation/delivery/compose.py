"""From an outbox row to the mail that leaves: stored values only, so that it can be made again exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from functools import cached_property

from activation.channels.contract import Mail
from activation.compliance.headers import headers_for
from activation.templates.render import CompiledMail, Version, compiled
from activation.tracking.tokens import Links
from engage_db.settings import Settings


@dataclass(frozen=True)
class Envelope:
    """What all mails of a run share."""

    campaign_run_id: int
    campaign_key: str
    campaign_name: str
    sender: str
    message_class: str = "marketing"
    epoch: str = ""

    @cached_property
    def tags(self) -> dict[str, str]:
        """What tells a provider's events whose they are, besides the message's own number."""
        return {"campaign": self.campaign_key, **({"epoch": self.epoch} if self.epoch else {})}

    @cached_property
    def sender_name(self) -> str:
        """The name of the sender, or else the address."""
        name, address = parseaddr(self.sender)
        return name or address

    @cached_property
    def mails(self) -> dict[int, CompiledMail]:
        """Template versions with what is the same in all mails of the run put in, as they are made."""
        return {}


@dataclass(frozen=True)
class Composer:
    """Makes mails of this workspace."""

    links: Links
    workspace: str
    postal_address: str
    unsubscribe_mailto: str = ""

    def compose(
        self, envelope: Envelope, version: Version, message_id: int, address: str, tokens: Mapping[str, object]
    ) -> Mail:
        """One mail. Raises RenderError when this contact's values do not fit the template."""
        links = self.links.of(message_id)
        mail = envelope.mails.get(version.template_version_id) or self._compiled(envelope, version)
        rendered = mail.render(
            {
                **tokens,
                "unsubscribe_url": links.unsubscribe,
                "preferences_url": links.preferences,
                "open_url": links.open,
                "click_url": links.click,
            }
        )
        return Mail(
            message_id=message_id,
            sender=envelope.sender,
            to=address,
            subject=rendered.subject,
            html=rendered.html,
            text=rendered.text,
            headers=self._headers(envelope, links.unsubscribe),
            tags={"message_id": str(message_id), **envelope.tags},
        )

    def _compiled(self, envelope: Envelope, version: Version) -> CompiledMail:
        constants = (
            ("campaign_name", envelope.campaign_name),
            ("sender_name", envelope.sender_name),
            ("postal_address", self.postal_address),
        )
        return envelope.mails.setdefault(version.template_version_id, compiled(version, constants))

    def _headers(self, envelope: Envelope, unsubscribe_url: str) -> dict[str, str]:
        return headers_for(
            envelope.message_class,
            unsubscribe_url=unsubscribe_url,
            unsubscribe_mailto=self.unsubscribe_mailto,
            feedback_id=(str(envelope.campaign_run_id), envelope.campaign_key, self.workspace),
        )


def composer_from(settings: Settings) -> Composer:
    """The composer that the settings describe."""
    return Composer(
        links=Links(public_url=settings.public_url, secrets=settings.signing_secrets()),
        workspace=settings.workspace_name,
        postal_address=settings.postal_address,
        unsubscribe_mailto=settings.unsubscribe_mailto,
    )
