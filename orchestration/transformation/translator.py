"""dbt's names in Dagster: keys by schema and model, groups by folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject


class Translator(DagsterDbtTranslator):
    """core.contacts is the asset core/contacts, in the group of its folder."""

    def __init__(self) -> None:
        super().__init__(settings=DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = manifest["nodes"].get(unique_id)
        if node is None or node["resource_type"] != "model":
            return spec
        folder = node["fqn"][1]
        is_measure = "measures" in node["tags"]
        if is_measure and folder == "staging":
            # figures are taken after the messages have left and their outcomes are counted
            spec = spec.merge_attributes(deps=[dg.AssetKey(["landing", "provider_events"])])
        segment = node["config"].get("meta", {}).get("segment", {})
        return spec.replace_attributes(
            key=dg.AssetKey([node["schema"], node["name"]]),
            group_name="marts" if is_measure else folder,
            owners=[f"team:{segment['owner']}"] if segment.get("owner") else [],
        )
