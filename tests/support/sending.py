"""What tests of sending share: a delivery in this process, an audience of any size, and the counting invariant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from activation.campaigns import commands
from activation.campaigns.commands import Campaign
from activation.channels.contract import Channel
from activation.channels.email.resend import Resend
from activation.delivery.compose import Composer
from activation.delivery.send import Delivery
from activation.tracking.tokens import Links
from tests.factories import engage as given
from tests.factories.engage import NOW
from tests.support.resend_process import LocalResend

COMPOSER = Composer(
    links=Links(public_url="https://engage.test.dev", secrets=["s"]), workspace="test", postal_address="Via Roma 1"
)


class Clock:
    """Real time, that a test may move."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def resend(
    url: str, *, name: str = "resend", rate: float = 1000.0, timeout: float = 5, batch_size: int = 100, **limits: Any
) -> Channel:
    """Resend's channel, under any name and with other limits."""
    channel = Resend(api_key="re_test_secret", api_url=url, requests_per_second=rate, timeout_seconds=timeout)
    channel.name = name
    channel.limits = replace(channel.limits, batch_size=batch_size, **limits)
    return channel


def delivery_of(engage_url: str, *channels: Channel, clock: Callable[[], datetime], **options: Any) -> Delivery:
    """A delivery through these channels, the first the most wanted."""
    return Delivery(
        engage_url=engage_url, channels={channel.name: channel for channel in channels}, composer=COMPOSER, clock=clock,
        **{"chance": lambda: 0.5, **options},
    )  # fmt: skip


def many(db: psycopg.Connection, contacts: int, **attributes: Any) -> Campaign:
    """A launched campaign to that many contacts, made by the database."""
    campaign = given.add_campaign(db, contacts=1)
    db.execute(
        "insert into core.contacts select n, format('c%%s@mail.test.dev', n), 'valid', 'subscribed', %s "
        "from generate_series(2, %s) as n",
        [NOW, contacts],
    )
    db.execute(
        "insert into profiles.contact_profiles (contact_id, email, email_status, email_consent, first_name) "
        "select contact_id, email, email_status, email_consent, 'Name' || contact_id from core.contacts where contact_id > 1"
    )
    db.execute(
        "insert into engage.segment_members (segment_id, contact_id, entered_at) "
        "select segment_id, contact_id, %s from engage.segments cross join core.contacts where contact_id > 1",
        [NOW],
    )
    for name, value in attributes.items():
        db.execute(psycopg.sql.SQL("update engage.campaigns set {} = %s").format(psycopg.sql.Identifier(name)), [value])
    db.commit()
    return commands.find(db, campaign.key)


def begin(db: psycopg.Connection, contacts: int, **attributes: Any) -> int:
    """A run to that many contacts, open for sending through Resend."""
    return given.begin_run(db, many(db, contacts, **attributes), provider="resend")


def expire_leases(db: psycopg.Connection) -> None:
    """What a minute of waiting does."""
    db.execute("update engage.send_batches set lease_until = now() - interval '1 second' where lease_until is not null")
    db.commit()


def reasons(db: psycopg.Connection) -> dict[int, str]:
    """By contact: the reason, or the state where there is none."""
    found = dict(db.execute("select contact_id, coalesce(reason, state) from engage.campaign_messages").fetchall())
    db.commit()
    return found


def assert_counted(db: psycopg.Connection, *providers: LocalResend) -> None:
    """(C): every row of the snapshot is in one state; one mail per sent row, at most one where nobody knows, else none."""
    wrong = db.execute("select * from engage.campaign_run_counts where not adds_up").fetchall()
    states = {str(row[0]): row[1] for row in db.execute("select message_id, state from engage.campaign_messages")}
    db.commit()
    assert wrong == []
    mails = Counter(
        tag["value"]
        for provider in providers
        for mail in provider.mails()
        for tag in mail["tags"]
        if tag["name"] == "message_id"
    )
    allowed = {"sent": {1}, "delivered": {1}, "bounced": {1}, "unknown": {0, 1}, "dead": {0, 1}, "claimed": {0, 1}}
    odd = {
        message_id: (state, mails[message_id])
        for message_id, state in states.items()
        if mails[message_id] not in allowed.get(state, {0})
    }
    assert odd == {}
    assert set(mails) <= set(states)


def assert_one_body_per_key(*providers: LocalResend) -> None:
    """Every attempt of a batch carried the same key and the same bytes to the same provider, and none was without a key."""
    seen: dict[str, set[tuple[str, str, str]]] = {}
    for provider in providers:
        for request in provider.requests():
            assert request["idempotency_key"], request
            assert request["validation"] == "strict"
            traits = (provider.url, request["path"], request["sha256"])
            seen.setdefault(request["idempotency_key"], set()).add(traits)
    assert [key for key, traits in seen.items() if len(traits) > 1] == []
