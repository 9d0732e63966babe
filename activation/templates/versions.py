"""Stored templates: each change is a new version, and a version never changes."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection, Connection
from psycopg.rows import class_row

from activation.errors import NotFound
from activation.templates.compile_mjml import TemplateInvalid, compile_mjml
from activation.templates.lint import lint
from activation.templates.render import Version
from activation.templates.tokens import tokens_in
from engage_db import named_sql

SQL = named_sql.load(__file__)


@dataclass(frozen=True)
class SavedVersion:
    """Where a template was stored; `changed` is false when the newest version already said the same."""

    key: str
    template_version_id: int
    version: int
    changed: bool


def save(
    db: Connection,
    *,
    key: str,
    name: str,
    subject: str,
    preheader: str,
    body_mjml: str,
    body_text: str,
    actor: str,
    now: datetime,
    message_class: str = "marketing",
) -> SavedVersion:
    """Stores a template in the caller's transaction, as a new version when its content is new.

    Raises TemplateInvalid with everything that is wrong.
    """
    subject, preheader = subject.strip(), preheader.strip()
    html = compile_mjml(body_mjml, name=key)
    problems = lint(subject=subject, preheader=preheader, html=html, text=body_text, message_class=message_class)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise TemplateInvalid(key, errors)
    content = f"{subject}\0{preheader}\0{body_mjml}\0{body_text}"
    row = db.execute(
        SQL.save,
        {
            "key": key,
            "name": name,
            "message_class": message_class,
            "subject": subject,
            "preheader": preheader,
            "body_mjml": body_mjml,
            "body_html": html,
            "body_text": body_text,
            "tokens": sorted(tokens_in(subject, preheader, html, body_text)),
            "content_sha256": hashlib.sha256(content.encode()).hexdigest(),
            "actor": actor,
            "now": now,
        },
    ).fetchone()
    assert row is not None
    return SavedVersion(key, *row)


def load(db: Connection, template_version_id: int) -> Version:
    """A version by its id. Raises NotFound."""
    with db.cursor(row_factory=class_row(Version)) as cursor:
        version = cursor.execute(SQL.load, {"template_version_id": template_version_id}).fetchone()
    if version is None:
        raise NotFound(f"There is no template version {template_version_id}.")
    return version


async def load_all(db: AsyncConnection[Any], template_version_ids: Collection[int]) -> dict[int, Version]:
    """Versions by their ids."""
    async with db.cursor(row_factory=class_row(Version)) as cursor:
        await cursor.execute(SQL.load_all, {"template_version_ids": list(template_version_ids)})
        return {version.template_version_id: version for version in await cursor.fetchall()}


def newest(db: Connection, key: str) -> Version:
    """The newest version of a template. Raises NotFound."""
    with db.cursor(row_factory=class_row(Version)) as cursor:
        version = cursor.execute(SQL.newest, {"key": key}).fetchone()
    if version is None:
        raise NotFound(f"There is no template {key}. `engage template list` shows those there are.")
    return version
