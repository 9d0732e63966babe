"""What a kind of segment offers; nothing else is known of a kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from psycopg import Connection
from psycopg.sql import SQL, Composed

from activation.segments.catalogue import Catalogue
from activation.segments.problems import Problem


@dataclass(frozen=True)
class Members:
    """A SELECT with one column contact_id (bigint), and its bound parameters; `once_each` promises no doubles and no NULL."""

    statement: SQL | Composed
    parameters: Mapping[str, Any] = field(default_factory=dict)
    once_each: bool = False

    @property
    def people(self) -> SQL | Composed:
        """The statement whose rows are each member once."""
        if self.once_each:
            return self.statement
        each = "select distinct member.contact_id from ({}) as member where member.contact_id is not null"
        return SQL(each).format(self.statement)


class MembersUnavailable(Exception):
    """A definition that could not be evaluated; the message says why, for its author."""


class SegmentKind(Protocol):
    """One of the five kinds. `definition` is what engage.segments.definition holds."""

    def validate(self, definition: Mapping[str, Any], catalogue: Catalogue) -> list[Problem]:
        """What is wrong with it; without errors it can be saved."""
        ...

    def members(
        self,
        db: Connection,
        definition: Mapping[str, Any],
        catalogue: Catalogue,
        *,
        segment_id: int | None,
        at: datetime,
    ) -> Members:
        """The statement whose rows are the members at that instant, to be run on `db` within its transaction.

        May fill temporary tables of the transaction on `db` first. `segment_id` is None for one not saved yet.
        Raises MembersUnavailable.
        """
        ...
