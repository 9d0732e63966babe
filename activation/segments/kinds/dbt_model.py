"""The `dbt` kind: every model under models/segments of the dbt project, read from its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from psycopg import Connection, sql

from activation.errors import Refused
from activation.segments.catalogue import Catalogue
from activation.segments.kinds.contract import Members
from activation.segments.problems import Problem


@dataclass(frozen=True)
class SegmentDefinition:
    """A segment as its author wrote it; `relation` is (schema, view) with one column contact_id."""

    key: str
    title: str
    description: str
    owner: str | None
    refresh: str
    relation: tuple[str, str]
    sql: str
    file: str


def segments_in(manifest: Path) -> list[SegmentDefinition]:
    """The segment models of a dbt manifest, by name. Raises Refused when there is no manifest."""
    if not manifest.exists():
        raise Refused(f"There is no dbt manifest at {manifest}. Run `engage build` first.")
    nodes = orjson.loads(manifest.read_bytes())["nodes"].values()
    models = [node for node in nodes if node["resource_type"] == "model" and node["fqn"][1:2] == ["segments"]]
    return [_definition(node) for node in sorted(models, key=lambda node: str(node["name"]))]


def _definition(node: dict[str, object]) -> SegmentDefinition:
    config = node["config"]
    meta = (config.get("meta") or {}).get("segment", {}) if isinstance(config, dict) else {}
    name = str(node["name"])
    return SegmentDefinition(
        key=name,
        title=str(meta.get("title") or name.replace("_", " ").capitalize()),
        description=str(node["description"] or ""),
        owner=str(meta["owner"]) if meta.get("owner") else None,
        refresh=str(meta.get("refresh") or "after every build"),
        relation=(str(node["schema"]), str(node["alias"] or name)),
        sql=str(node["raw_code"]),
        file=str(node["original_file_path"]),
    )


class DbtModelKind:
    """Definition: relation (schema and view), sql and file, as the manifest tells them."""

    def validate(self, definition: Mapping[str, Any], _catalogue: Catalogue) -> list[Problem]:
        if len(definition.get("relation", ())) == 2:  # noqa: PLR2004 - schema and view
            return []
        return [
            Problem(
                "definition", "dbt segments are models under dbt_project/models/segments; `engage build` finds them"
            )
        ]

    def members(
        self,
        _db: Connection,
        definition: Mapping[str, Any],
        _catalogue: Catalogue,
        *,
        segment_id: int | None,
        at: datetime,
    ) -> Members:
        del segment_id, at
        return Members(sql.SQL("select contact_id::bigint from {}").format(sql.Identifier(*definition["relation"])))
