"""The metadata object and the few column shapes that all tables share."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Identity, MetaData, Text

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)


def identity(name: str) -> Column[int]:
    """A bigint primary key that the database counts."""
    return Column(name, BigInteger, Identity(always=False), primary_key=True)


def timestamp(name: str, **options: Any) -> Column[Any]:
    """A timestamptz column; the caller passes the time, so that a statement has one clock."""
    return Column(name, DateTime(timezone=True), **options)


def text(name: str, **options: Any) -> Column[str]:
    """A text column, required unless told otherwise."""
    options.setdefault("nullable", False)
    return Column(name, Text, **options)


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """The column holds one of these words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} in ({listed})", name=column)
