"""A made-up company of a million contacts and ten million events, made by the database itself from row numbers.

Tables, types and indexes are read from the dbt models, so that they are those which a build makes. The same scale gives
the same rows, always.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import psycopg
import yaml
from psycopg import sql

from engage_db import named_sql
from engage_db.settings import PROJECT_ROOT

SQL = named_sql.load(__file__)
MODELS = PROJECT_ROOT / "dbt_project" / "models"

AT = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)
CONTACTS, EVENTS = 1_000_000, 10_000_000
TABLES = {
    "contacts": ("core", "contacts"),
    "events": ("core", "events"),
    "contact_profiles": ("profiles", "contact_profiles"),
}
CHUNK = 250_000

# orders, calls, … per event; one makes several events, and what is left of them is visits
SHARES = {"orders": 0.100, "calls": 0.040, "whatsapp": 0.080, "deals": 0.016, "mails": 0.238}


@dataclass(frozen=True)
class Size:
    """How many of each at a scale; 1 is the size that performance.md asks for."""

    contacts: int
    events: int

    @staticmethod
    def at(scale: float) -> Size:
        return Size(max(2_000, int(CONTACTS * scale)), max(20_000, int(EVENTS * scale)))


def build(url: str, size: Size) -> None:
    """Makes and fills core.contacts, core.events and profiles.contact_profiles in a migrated database."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(SQL.prepare)
        for name in TABLES:
            _create(db, name)
    _in_parallel(url, [("fill_contacts", {"contacts": size.contacts, "at": AT})])
    families = {name: int(size.events * share) for name, share in SHARES.items()}
    _in_parallel(url, [work for name, rows in families.items() for work in _chunks(name, rows, size)])
    with psycopg.connect(url, autocommit=True) as db:
        (so_far,) = db.execute("select count(*) from core.events").fetchone() or (0,)
    _in_parallel(url, _chunks("visits", size.events - so_far, size))
    events = _indexes("events")
    with ThreadPoolExecutor(2) as two:
        list(two.map(lambda index: _index(url, "events", index), events))
    _in_parallel(url, [("fill_profiles", {})])
    for name in ("contacts", "contact_profiles"):
        for index in _indexes(name):
            _index(url, name, index)
    with psycopg.connect(url, autocommit=True) as db:
        for table in TABLES.values():
            db.execute(sql.SQL("vacuum (analyze) {}").format(sql.Identifier(*table)))
        db.execute("checkpoint")


def _chunks(name: str, rows: int, size: Size) -> Iterator[tuple[str, dict[str, Any]]]:
    for first in range(1, rows + 1, CHUNK):
        last = min(rows, first + CHUNK - 1)
        yield name, {"first": first, "last": last, "of_all": rows, "contacts": size.contacts, "at": AT}


def _in_parallel(url: str, work: Any) -> None:
    """Two connections, as there are two cores."""

    def one(statement: tuple[str, dict[str, Any]]) -> None:
        name, parameters = statement
        with psycopg.connect(
            url, autocommit=True, options="-c synchronous_commit=off -c work_mem=1GB -c hash_mem_multiplier=2"
        ) as db:
            db.execute(getattr(SQL, name), parameters)

    with ThreadPoolExecutor(2) as two:
        list(two.map(one, work))


def _create(db: psycopg.Connection, name: str) -> None:
    """The table with columns, types and NOT NULL as its model's YAML says."""
    schema, table = TABLES[name]
    (model,) = yaml.safe_load((_folder(name) / f"{name}.yml").read_text())["models"]
    columns = [
        sql.SQL("{} {} {}").format(
            sql.Identifier(column["name"]),
            sql.SQL(column["data_type"]),
            sql.SQL("not null" if any(each["type"] == "not_null" for each in column.get("constraints", [])) else ""),
        )
        for column in model["columns"]
    ]
    db.execute(sql.SQL("create table {} ({})").format(sql.Identifier(schema, table), sql.SQL(", ").join(columns)))


def _indexes(name: str) -> list[dict[str, Any]]:
    """The `indexes` of the model's config block."""
    source = (_folder(name) / f"{name}.sql").read_text()
    block = re.search(r"\{\{\s*config\(.*?\)\s*^\}\}", source, re.DOTALL | re.MULTILINE)
    assert block is not None, f"{name}.sql begins with no config block"
    said: dict[str, Any] = {}
    jinja2.Environment(autoescape=True).from_string(block.group()).render(config=lambda **given: said.update(given))
    indexes: list[dict[str, Any]] = said["indexes"]
    return indexes


def _index(url: str, name: str, index: dict[str, Any]) -> None:
    with psycopg.connect(
        url, autocommit=True, options="-c maintenance_work_mem=1GB -c max_parallel_maintenance_workers=1"
    ) as db:
        unique = sql.SQL("unique" if index.get("unique") else "")
        columns = sql.SQL(", ".join(index["columns"]))
        db.execute(sql.SQL("create {} index on {} ({})").format(unique, sql.Identifier(*TABLES[name]), columns))


def _folder(name: str) -> Path:
    return MODELS / TABLES[name][0]
