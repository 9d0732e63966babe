"""Looking at a template before anybody gets it: as a contact would, and in one's own inbox."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from email.utils import parseaddr

from psycopg import Connection, sql

from activation.channels.contract import Answer, Channel, Mail
from activation.errors import NotFound, Refused
from activation.templates import versions
from activation.templates.render import CompiledMail, RenderedMail, RenderError, Version
from activation.templates.tokens import KNOWN_TOKENS, profile_columns, tokens_in

# links that name no message: opening them changes nothing
SAMPLE_LINKS = {
    "unsubscribe_url": "https://engage.example.com/u/sample",
    "preferences_url": "https://engage.example.com/p/sample",
    "open_url": "https://engage.example.com/o/sample",
    "click_url": "https://engage.example.com/c/sample",
}


def preview(
    db: Connection,
    key: str,
    contact_id: int,
    *,
    sender: str,
    postal_address: str,
    campaign_name: str = "Preview",
    links: Mapping[str, str] = SAMPLE_LINKS,
) -> RenderedMail:
    """The newest version as this contact would get it, with links that lead nowhere.

    Takes the values as a campaign's snapshot does. Raises NotFound for the template or the contact, Refused when this
    contact's values do not fit.
    """
    version = versions.newest(db, key)
    values = _values_of(db, version, contact_id)
    return rendered(
        version, values, sender=sender, postal_address=postal_address, campaign_name=campaign_name, links=links
    )


def rendered(
    version: Version,
    values: Mapping[str, object],
    *,
    sender: str,
    postal_address: str,
    campaign_name: str = "Preview",
    links: Mapping[str, str] = SAMPLE_LINKS,
) -> RenderedMail:
    """A version with these contact values. Raises Refused with what does not fit."""
    name, bare = parseaddr(sender)
    shared = {"campaign_name": campaign_name, "sender_name": name or bare, "postal_address": postal_address}
    try:
        return CompiledMail(version).render({**values, **shared, **links})
    except RenderError as error:
        raise Refused(f"The template {version.key} cannot be shown with these values: {error}.") from None


def sample_values(version: Version) -> dict[str, object]:
    """The examples of the contact tokens that a version uses."""
    used = tokens_in(version.subject, version.preheader, version.body_html, version.body_text)
    return {name: token.example for name, token in KNOWN_TOKENS.items() if name in used and token.source != "system"}


def as_test(mail: RenderedMail, *, sender: str, to: str, unsubscribe_url: str) -> Mail:
    """The mail of a test send: marked as one in its subject, belonging to no message and no campaign."""
    return Mail(
        message_id=0,
        sender=sender,
        to=to,
        subject=f"[Test] {mail.subject}",
        html=mail.html,
        text=mail.text,
        headers={
            "List-Unsubscribe": f"<{unsubscribe_url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        tags={"kind": "test"},
    )


async def send_test(channel: Channel, mail: Mail, *, workspace: str, now: datetime) -> Answer:
    """Hands one test mail to a channel: never capped, in no outbox, sent once; the channel's answer says how it went."""
    body = channel.encode([mail])
    key = f"{workspace}/test/{now.timestamp():.6f}/{hashlib.sha256(body).hexdigest()[:16]}"
    return await channel.send(body, size=1, idempotency_key=key)


def _values_of(db: Connection, version: Version, contact_id: int) -> dict[str, object]:
    used = tokens_in(version.subject, version.preheader, version.body_html, version.body_text)
    statement = sql.SQL(
        "select {} from profiles.contact_profiles profile where profile.contact_id = %(contact_id)s"
    ).format(profile_columns(used))
    row = db.execute(statement, {"contact_id": contact_id}).fetchone()
    if row is None:
        raise NotFound(
            f"There is no contact {contact_id} with a profile; `engage crm` and the Contacts page list them."
        )
    values: dict[str, object] = row[0]
    return values
