"""The ready-made templates: one folder each, beside this file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from psycopg import Connection

from activation.templates import versions

LIBRARY = Path(__file__).parent


@dataclass(frozen=True)
class LibraryTemplate:
    """A ready-made template as its files hold it; `sample` are values to look at it with."""

    key: str
    name: str
    purpose: str
    message_class: str
    subject: str
    preheader: str
    body_mjml: str
    body_text: str
    sample: dict[str, Any]


def library() -> list[LibraryTemplate]:
    """All ready-made templates, by name of their folder."""
    return [_read(folder) for folder in sorted(LIBRARY.iterdir()) if (folder / "body.mjml").exists()]


def install_library(db: Connection, *, actor: str, now: datetime) -> list[versions.SavedVersion]:
    """Stores the library in the caller's transaction; those already stored stay as they are."""
    return [
        versions.save(
            db,
            key=template.key,
            name=template.name,
            subject=template.subject,
            preheader=template.preheader,
            body_mjml=template.body_mjml,
            body_text=template.body_text,
            message_class=template.message_class,
            actor=actor,
            now=now,
        )
        for template in library()
    ]


def _read(folder: Path) -> LibraryTemplate:
    about = orjson.loads((folder / "about.json").read_bytes())
    return LibraryTemplate(
        key=folder.name,
        name=about["name"],
        purpose=about["purpose"],
        message_class=about["message_class"],
        subject=(folder / "subject.txt").read_text().strip(),
        preheader=(folder / "preheader.txt").read_text().strip(),
        body_mjml=(folder / "body.mjml").read_text(),
        body_text=(folder / "body.txt").read_text(),
        sample=orjson.loads((folder / "sample.json").read_bytes()),
    )
