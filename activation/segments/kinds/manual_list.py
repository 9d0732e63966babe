"""The `manual` kind: an uploaded list of contacts; lists.py fills it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg import Connection, sql

from activation.segments.catalogue import Catalogue
from activation.segments.kinds.contract import Members
from activation.segments.problems import Problem


class ManualListKind:
    """Definition: empty, or a note of where the list is from. Entries who are no contacts (any more) are no members."""

    def validate(self, definition: Mapping[str, Any], _catalogue: Catalogue) -> list[Problem]:
        unknown = sorted(definition.keys() - {"note"})
        return [Problem(name, "is not known here: a manual list takes only a note") for name in unknown]

    def members(
        self,
        _db: Connection,
        _definition: Mapping[str, Any],
        _catalogue: Catalogue,
        *,
        segment_id: int | None,
        at: datetime,
    ) -> Members:
        del at
        return Members(
            sql.SQL(
                "select entry.contact_id from engage.segment_list_entries entry "
                "join profiles.contact_profiles profile using (contact_id) where entry.segment_id = %(list_segment_id)s"
            ),
            {"list_segment_id": segment_id},
        )
