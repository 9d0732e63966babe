"""The one code location: everything that Dagster knows, merged. Loads without a database and without an environment."""

from __future__ import annotations

import warnings

import dagster as dg

from orchestration.campaigns.assets import audience_snapshot
from orchestration.campaigns.sensors import due_campaigns
from orchestration.delivery.assets import message_delivery, message_outcomes
from orchestration.extraction.assets import extraction_assets
from orchestration.jobs import jobs, schedules
from orchestration.quality.checks import quality_checks
from orchestration.resources import resources
from orchestration.segmentation.assets import segmentation_assets
from orchestration.segmentation.sensors import due_segments, segments_by_the_clock
from orchestration.transformation.assets import transformation_assets

# Dagster copies sensors with a parameter of its own that it calls beta; nobody who runs `engage run` can do anything about it
warnings.filterwarnings("ignore", "Parameter `owners` of initializer `SensorDefinition", category=dg.BetaWarning)

defs = dg.Definitions(
    assets=[
        *extraction_assets,
        *transformation_assets(),
        *segmentation_assets(),
        audience_snapshot,
        message_delivery,
        message_outcomes,
    ],
    asset_checks=quality_checks,
    jobs=[*jobs, segments_by_the_clock],
    schedules=schedules,
    sensors=[due_campaigns, due_segments],
    resources=resources(),
    executor=dg.in_process_executor,
)
