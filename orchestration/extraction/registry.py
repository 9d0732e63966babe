"""The CRM tables to mirror, as crm_tables.yaml lists them."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

REGISTRY = Path(__file__).with_name("crm_tables.yaml")

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


class RegistryError(Exception):
    """crm_tables.yaml is wrong; the message names the entry and the field."""


def _duration(value: object) -> object:
    """'10 minutes' -> timedelta."""
    if not isinstance(value, str):
        return value
    number, _, unit = value.strip().partition(" ")
    seconds = _UNITS.get(unit.strip().removesuffix("s"))
    if seconds is None or not number.isdigit():
        raise ValueError("must look like '10 minutes': seconds, minutes, hours or days")
    return timedelta(seconds=int(number) * seconds)


Name = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]


class CrmTable(BaseModel):
    """One table of the CRM and how to follow its changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    description: str
    key: tuple[str, ...] = Field(min_length=1)
    changed_at: str
    lookback: Annotated[timedelta, BeforeValidator(_duration)] = timedelta(minutes=10)
    source: str = ""
    contact: Name | None = None
    columns: tuple[str, ...] | None = None

    @property
    def source_parts(self) -> tuple[str, str]:
        """Schema and name in the CRM."""
        schema, _, name = (self.source or self.name).rpartition(".")
        return schema or "public", name


def parse(text: str, origin: str = REGISTRY.name) -> tuple[CrmTable, ...]:
    """The entries of a registry text. Raises RegistryError naming the entry."""
    entries = yaml.safe_load(text) or []
    if not isinstance(entries, list):
        raise RegistryError(f"{origin} must be a list of tables, each beginning with '- name:'")
    tables = []
    for number, entry in enumerate(entries, 1):
        try:
            tables.append(CrmTable.model_validate(entry))
        except ValidationError as error:
            name = entry.get("name", f"number {number}") if isinstance(entry, dict) else f"number {number}"
            words = "; ".join(f"{'.'.join(map(str, p['loc'])) or 'entry'}: {p['msg']}" for p in error.errors())
            raise RegistryError(f"{origin}, table {name}: {words}") from None
    names = [table.name for table in tables]
    for name in names:
        if names.count(name) > 1:
            raise RegistryError(f"{origin} lists the table {name} twice")
    return tuple(tables)


@cache
def crm_tables() -> tuple[CrmTable, ...]:
    """The tables of crm_tables.yaml, read once."""
    return parse(REGISTRY.read_text())
