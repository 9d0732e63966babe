"""Campaigns: what is due is planned, and its audience frozen."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import dagster as dg

from activation.campaigns import runs
from activation.campaigns.audience import Policy
from activation.delivery import epoch
from orchestration.resources import EngageDb, Senders, now


class CampaignRun(dg.Config):
    """Which campaign to run, and for which time; without one all that are due."""

    campaign_id: int | None = None
    scheduled_for: str | None = None


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            ["engage", "campaigns"],
            group_name="campaigns",
            kinds={"postgres"},
            description="Broadcasts and automations, with when each is due next.",
            metadata={"dagster/table_name": "engage.campaigns"},
        ),
        dg.AssetSpec(
            ["engage", "campaign_runs"],
            deps=[["engage", "segment_members"], ["profiles", "contact_profiles"]],
            group_name="campaigns",
            kinds={"postgres"},
            description="One run per campaign and time.",
            metadata={"dagster/table_name": "engage.campaign_runs"},
        ),
        dg.AssetSpec(
            ["engage", "campaign_messages"],
            deps=[["engage", "segment_members"], ["profiles", "contact_profiles"]],
            group_name="campaigns",
            kinds={"postgres"},
            description="The outbox: who is to get which message, and who was left out and why.",
            metadata={"dagster/table_name": "engage.campaign_messages"},
        ),
    ],
)
def audience_snapshot(
    context: dg.AssetExecutionContext, config: CampaignRun, engage_db: EngageDb, senders: Senders
) -> Iterator[dg.MaterializeResult[Any]]:
    """Plans what is due and freezes the audience of every run that has none yet."""
    settings = senders.settings
    with engage_db.connect() as db:
        held = epoch.check(db, settings.engage_home, now=now())
        if held:
            raise dg.Failure(description=held, allow_retries=False)
        if config.campaign_id is not None and config.scheduled_for is not None:
            runs.plan(db, config.campaign_id, datetime.fromisoformat(config.scheduled_for), now=now())
        else:
            for due in runs.due(db, now=now()):
                runs.plan(db, due.campaign_id, due.scheduled_for, now=now())
        reports = [
            runs.snapshot(
                db,
                run.campaign_run_id,
                sender=settings.mail_from,
                provider=settings.mail_provider,
                now=now(),
                policy=Policy(settings.workspace_time_zone, settings.unknown_consent_counts),
            )
            for run in runs.open_runs(db)
            if run.snapshot_at is None
        ]
    for report in reports:
        if report.stopped:
            context.log.error(f"{report.key} was stopped: {report.stopped}")
    audiences = {
        report.key: {
            "targeted": report.targeted,
            "queued": report.queued,
            "skipped": report.skipped,
            "stopped": report.stopped,
        }
        for report in reports
    }
    yield dg.MaterializeResult(asset_key=["engage", "campaigns"])
    yield dg.MaterializeResult(asset_key=["engage", "campaign_runs"], metadata={"runs": len(reports)})
    yield dg.MaterializeResult(
        asset_key=["engage", "campaign_messages"],
        metadata={
            "targeted": sum(report.targeted for report in reports),
            "queued": sum(report.queued for report in reports),
            "audiences": dg.MetadataValue.json(audiences),
        },
    )
