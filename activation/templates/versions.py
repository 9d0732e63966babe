"""Stored templates: each change is a new version, and a version never changes."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from difflib import unified_diff
from typing import Any, NoReturn

from psycopg import AsyncConnection, Connection
from psycopg.rows import class_row, dict_row

from activation.errors import NotFound, Refused
from activation.templates.compile_mjml import TemplateInvalid, compile_mjml
from activation.templates.links import links_in
from activation.templates.lint import lint
from activation.templates.render import Version
from activation.templates.tokens import tokens_in
from engage_db import named_sql

SQL = named_sql.load(__file__)

PARTS = ("subject", "preheader", "body_mjml", "body_text")


@dataclass(frozen=True)
class SavedVersion:
    """Where a template was stored; `changed` is false when the newest version already said the same."""

    key: str
    template_version_id: int
    version: int
    changed: bool


@dataclass(frozen=True)
class StoredContent:
    """What an author wrote of a version."""

    key: str
    name: str
    message_class: str
    version: int
    subject: str
    preheader: str
    body_mjml: str
    body_text: str


@dataclass(frozen=True)
class HistoryEntry:
    """One version of a template: who stored it when, and why."""

    version: int
    template_version_id: int
    subject: str
    change_note: str
    created_at: datetime
    created_by: str


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
    message_class: str | None = None,
    change_note: str = "",
) -> SavedVersion:
    """Stores a template in the caller's transaction, as a new version when its content is new.

    The message class is that of the stored template, or marketing; it never changes. Raises TemplateInvalid with everything
    that is wrong, Refused for another class.
    """
    subject, preheader = subject.strip(), preheader.strip()
    # two people who save at once get two versions, one after the other
    db.execute(SQL.lock, {"key": key})
    message_class = _message_class(db, key, message_class)
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
            "links": list(links_in(html)),
            "tokens": sorted(tokens_in(subject, preheader, html, body_text)),
            "change_note": change_note,
            "content_sha256": hashlib.sha256(content.encode()).hexdigest(),
            "actor": actor,
            "now": now,
        },
    ).fetchone()
    assert row is not None
    return SavedVersion(key, *row)


def rollback(db: Connection, key: str, version: int, *, actor: str, now: datetime) -> SavedVersion:
    """Stores what version `version` said as the newest one, in the caller's transaction. Raises NotFound, TemplateInvalid."""
    old = content(db, key, version)
    return save(
        db, key=key, name=old.name, subject=old.subject, preheader=old.preheader, body_mjml=old.body_mjml,
        body_text=old.body_text, actor=actor, now=now, change_note=f"back to version {version}",
    )  # fmt: skip


def history(db: Connection, key: str) -> list[HistoryEntry]:
    """All versions of a template, newest first. Raises NotFound."""
    with db.cursor(row_factory=class_row(HistoryEntry)) as cursor:
        found = cursor.execute(SQL.history, {"key": key}).fetchall()
    return found or _no_template(db, key)


def diff(db: Connection, key: str, a: int, b: int) -> dict[str, str]:
    """What changed from version `a` to `b`: a unified diff for each part that differs. Raises NotFound."""
    old, new = content(db, key, a), content(db, key, b)
    return {part: changes for part in PARTS if (changes := _changes(part, old, new))}


def content(db: Connection, key: str, version: int | None = None) -> StoredContent:
    """What an author wrote of a version, the newest by default. Raises NotFound."""
    with db.cursor(row_factory=class_row(StoredContent)) as cursor:
        found = cursor.execute(SQL.content, {"key": key, "version": version}).fetchone()
    if found is None:
        newest = history(db, key)[0].version
        raise NotFound(f"The template {key} has no version {version}; its versions are 1 to {newest}.")
    return found


def newest(db: Connection, key: str) -> Version:
    """The version that the next campaign takes. Raises NotFound."""
    return load(db, history(db, key)[0].template_version_id)


def load(db: Connection, template_version_id: int) -> Version:
    """A version by its id. Raises NotFound."""
    with db.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(SQL.load, {"template_version_id": template_version_id}).fetchone()
    if row is None:
        raise NotFound(f"There is no template version {template_version_id}.")
    return _version(row)


async def load_all(db: AsyncConnection[Any], template_version_ids: Collection[int]) -> dict[int, Version]:
    """Versions by their ids."""
    async with db.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(SQL.load_all, {"template_version_ids": list(template_version_ids)})
        return {row["template_version_id"]: _version(row) for row in await cursor.fetchall()}


def _version(row: dict[str, Any]) -> Version:
    return Version(**{**row, "links": tuple(row["links"])})


def _message_class(db: Connection, key: str, wanted: str | None) -> str:
    row = db.execute(SQL.message_class, {"key": key}).fetchone()
    stored = row[0] if row else None
    if wanted and stored and wanted != stored:
        raise Refused(f"The template {key} is {stored}; a {wanted} one needs a key of its own.")
    return wanted or stored or "marketing"


def _changes(part: str, old: StoredContent, new: StoredContent) -> str:
    before, after = (str(getattr(stored, part)).splitlines() for stored in (old, new))
    return "\n".join(
        unified_diff(before, after, f"{part} of version {old.version}", f"{part} of version {new.version}", lineterm="")
    )


def _no_template(db: Connection, key: str) -> NoReturn:
    keys = ", ".join(row[0] for row in db.execute(SQL.keys).fetchall()) or "none yet: `engage template install`"
    raise NotFound(f"There is no template {key}. There are: {keys}.")
