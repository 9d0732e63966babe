"""The `dbt` kind: every model under models/segments of the dbt project, read from its manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import orjson

from activation.errors import Refused


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
