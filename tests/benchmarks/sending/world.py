"""Contacts to send to, made by the database itself, in a cluster that is as durable as a real one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from activation.templates.library import install_library
from engage_db import migrate, named_sql
from engage_db.embedded import Cluster
from tests.factories import engage as factory

SQL = named_sql.load(__file__)
NOW = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)


@dataclass
class World:
    """A running cluster with contacts and a segment of all of them."""

    url: str
    db: psycopg.Connection
    contacts: int
    segment_id: int
    home: Path


@contextmanager
def world(contacts: int) -> Iterator[World]:
    """So many contacts with profiles, all of them in the segment `everybody`, and the ready-made templates."""
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder))
        cluster.start(databases=("engage",))
        try:
            url = cluster.url("engage")
            migrate.upgrade(url)
            with psycopg.connect(url, options="-c timezone=UTC", autocommit=True) as db:
                factory.build(db)
                db.execute("create index on core.contacts (lower(email))")
                db.execute(SQL.fill_contacts, {"contacts": contacts})
                db.execute(SQL.fill_profiles)
                segment_id = factory.add_segment(db, "everybody", [])
                db.execute("update engage.segments set size = %s", [contacts])
                db.execute(SQL.fill_members, {"segment_id": segment_id, "every": 1})
                install_library(db, actor="bench", now=NOW)
                db.execute("analyze")
                yield World(url, db, contacts, segment_id, Path(folder))
        finally:
            cluster.stop()
