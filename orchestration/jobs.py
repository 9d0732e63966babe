"""The jobs: the whole loop, and its parts that run on their own."""

from __future__ import annotations

import dagster as dg

from data_tests.suites import SUITES

EXTRACTION = dg.AssetSelection.groups("extraction")
MESSAGES_CHECK = dg.AssetSelection.checks(
    dg.AssetCheckKey(dg.AssetKey(["engage", "campaign_messages"]), "campaign_messages_can_be_trusted")
)
SENDING = dg.AssetSelection.groups("campaigns", "delivery")

loop_job = dg.define_asset_job(
    "loop",
    selection=dg.AssetSelection.all(),
    description="Everything once: extract, build, test, refresh segments, send what is due, measure.",
    # a campaign that is throttled for hours does not hold up the next build: the sensor sees to the rest of it
    config={"ops": {"engage__send_batches": {"config": {"throttled_for": 60.0}}}},
)
campaign_job = dg.define_asset_job(
    "campaigns",
    selection=SENDING | MESSAGES_CHECK,
    description="Freezes the audience of what is due, tests it, sends it, counts what became of it.",
)
build_job = dg.define_asset_job(
    "build",
    selection=dg.AssetSelection.groups("staging", "intermediate", "core", "profiles", "segments", "membership", "marts")
    | dg.AssetSelection.checks(
        *(
            dg.AssetCheckKey(dg.AssetKey(list(SUITES[name].asset_key)), f"{name}_can_be_trusted")
            for name in ("contacts", "events", "segment_members")
        )
    ),
    description="dbt, its tests, and the segments, from what was extracted.",
)
extraction_job = dg.define_asset_job("extraction", selection=EXTRACTION, description="Only the CRM's tables.")
outcomes_job = dg.define_asset_job(
    "outcomes",
    selection=dg.AssetSelection.assets(["landing", "provider_events"]),
    description="Counts what became of messages.",
)
measures_job = dg.define_asset_job(
    "measures",
    selection=dg.AssetSelection.groups("marts"),
    description="Builds the marts anew from what is known now.",
)

loop_schedule = dg.ScheduleDefinition(
    name="loop_every_15_minutes",
    job=loop_job,
    cron_schedule="*/15 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Keeps contacts, segments and figures up to date.",
)
outcomes_schedule = dg.ScheduleDefinition(
    name="outcomes_every_minute",
    job=outcomes_job,
    cron_schedule="* * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Deliveries, opens and clicks.",
)

jobs = [loop_job, build_job, campaign_job, extraction_job, outcomes_job, measures_job]
schedules = [loop_schedule, outcomes_schedule]
