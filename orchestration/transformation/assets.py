"""dbt in two steps: models before anything is sent, measures after. The manifest decides what is in them."""

import os
from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from engage_db.connection import dbt_environment
from engage_db.settings import load_settings
from orchestration.resources import PROJECT, EngageDb
from orchestration.transformation.manifest import DBT_DIRECTORY, current_manifest
from orchestration.transformation.translator import Translator

TARGET = DBT_DIRECTORY / "target" / "build"


def _build(context: dg.AssetExecutionContext, dbt: DbtCliResource, engage_db: EngageDb) -> Iterator[Any]:
    os.environ.update(dbt_environment(engage_db.url()))  # dbt is a child process and reads its connection there
    os.environ["ENGAGE_WORKSPACE_TIME_ZONE"] = load_settings().workspace_time_zone
    # one target folder for both steps: dbt then parses only what changed
    # unit tests look at code, not at data: `make test` runs them
    arguments = ["build", "--exclude-resource-type", "unit_test"]
    built = set()
    for event in dbt.cli(arguments, context=context, target_path=TARGET).stream():
        if isinstance(event, dg.Output):
            built.add(context.asset_key_for_output(event.output_name))
        yield event
    # dbt reads the files of this moment, the graph is of the moment when it was loaded
    if gone := sorted(key.to_user_string() for key in context.selected_asset_keys - built):
        raise dg.Failure(
            f"dbt has no model for {', '.join(gone)}: its file went, or was renamed, after this run was planned. "
            "Run it again; in the Dagster UI reload the definitions first.",
            allow_retries=False,
        )


def transformation_assets() -> list[dg.AssetsDefinition]:
    """The dbt assets, as the project's files are now."""
    manifest = current_manifest()

    @dbt_assets(
        manifest=manifest,
        project=PROJECT,
        select="tag:model",
        dagster_dbt_translator=Translator(),
        pool="dbt",
    )
    def dbt_models(context: dg.AssetExecutionContext, dbt: DbtCliResource, engage_db: EngageDb) -> Iterator[Any]:
        yield from _build(context, dbt, engage_db)

    @dbt_assets(
        manifest=manifest,
        project=PROJECT,
        select="tag:measures",
        dagster_dbt_translator=Translator(),
        pool="dbt",
    )
    def dbt_measures(context: dg.AssetExecutionContext, dbt: DbtCliResource, engage_db: EngageDb) -> Iterator[Any]:
        yield from _build(context, dbt, engage_db)

    return [dbt_models, dbt_measures]
