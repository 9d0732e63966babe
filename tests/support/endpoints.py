"""The web application over a test database, and the signed links of messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import pytest
from fastapi.testclient import TestClient

from activation.channels.contract import WebhookReader
from activation.channels.email.resend import ResendWebhooks
from activation.tracking.tokens import Links
from engage_db.settings import load_settings
from http_api.main import create_app
from tests.factories import engage as given
from tests.support import svix

LINKS = Links(public_url="", secrets=["test secret"])


@contextmanager
def serving(
    url: str, environment: pytest.MonkeyPatch, readers: Mapping[str, WebhookReader] | None = None, **settings: str
) -> Iterator[TestClient]:
    """A client that follows no redirect; webhooks are Resend's and those of `readers`."""
    wanted = {
        "ENGAGE_DATABASE_URL": url,
        "SECRET_KEY": "test secret",
        "PUBLIC_URL": "http://engage.test.dev",
        **settings,
    }
    for name, value in wanted.items():
        environment.setenv(name, value)
    load_settings.cache_clear()
    readers = {"resend": ResendWebhooks([svix.SECRET]), **(readers or {})}
    with TestClient(create_app(readers=readers), follow_redirects=False, raise_server_exceptions=False) as client:
        yield client


def now() -> datetime:
    return datetime.now(UTC)


def sent_messages(
    db: psycopg.Connection, *, contacts: int = 2, links: list[str] | None = None, topic: str | None = None
) -> list[int]:
    """The ids of sent messages of one run; `links` is what their version links to."""
    given.begin_run(db, given.add_campaign(db, contacts=contacts))
    db.execute("update engage.campaign_messages set state = 'sent', provider = 'resend', sent_at = %s", [now()])
    db.execute("update engage.template_versions set links = %s", [links or []])
    if topic is not None:
        row = db.execute(
            "insert into engage.topics (key, name, description, created_at, created_by) values (%s, %s, 'Once a week', %s, 't') "
            "returning topic_id",
            [topic, topic.title(), now()],
        ).fetchone()
        assert row is not None
        db.execute("update engage.campaign_runs set topic_id = %s", [row[0]])
    db.commit()
    return [row[0] for row in db.execute("select message_id from engage.campaign_messages order by 1").fetchall()]


def landed(db: psycopg.Connection) -> list[tuple[str, str, int | None]]:
    """Provider, type and message of all that landed, in order."""
    db.rollback()
    return db.execute("select provider, type, message_id from landing.provider_events order by landed_id").fetchall()


def suppressed(db: psycopg.Connection) -> list[tuple[int, str]]:
    """Contact and reason of all suppressions that hold."""
    db.rollback()
    return db.execute(
        "select contact_id, reason from engage.suppressions where lifted_at is null order by 1, 2"
    ).fetchall()
