"""One throw-away cluster for the whole test session, and databases cloned from templates in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from engage_db import migrate
from engage_db.embedded import Cluster

FAST_AND_FORGETFUL = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "256MB",
}
_numbers = itertools.count(1)


class TestCluster:
    """Hands out databases: empty ones, and migrated ones copied from a template."""

    __test__ = False

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._template_ready = False

    def url(self, database: str) -> str:
        return self._cluster.url(database)

    @contextmanager
    def database(self, *, template: str = "template1") -> Iterator[str]:
        """The URL of a new database, dropped at the end."""
        name = f"t{next(_numbers)}"
        with self._admin() as admin:
            admin.execute(
                sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template))
            )
        try:
            yield self.url(name)
        finally:
            with self._admin() as admin:
                admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    @contextmanager
    def migrated_database(self) -> Iterator[str]:
        """The URL of a new Engage DB at the newest revision."""
        if not self._template_ready:
            with self._admin() as admin:
                admin.execute("create database engage_template")
            migrate.upgrade(self.url("engage_template"))
            self._template_ready = True
        with self.database(template="engage_template") as url:
            yield url

    def _admin(self) -> psycopg.Connection:
        return psycopg.connect(self.url("postgres"), autocommit=True)
