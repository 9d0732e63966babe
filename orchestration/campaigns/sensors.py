"""What is due? One query; one run per campaign and time. The sensor changes nothing."""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from activation.campaigns import runs
from orchestration.jobs import campaign_job
from orchestration.resources import EngageDb, now

RETRY = timedelta(minutes=5)  # a run that was asked for and never began is asked for again after this
OUTCOMES_EVERY = timedelta(minutes=1)


@dg.sensor(
    job=campaign_job,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for one run of every campaign whose time has come, and for another of those that were interrupted.",
)
def due_campaigns(context: dg.SensorEvaluationContext, engage_db: EngageDb) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """The run key (campaign, time) keeps a time from running twice; the database's unique key does so for good."""
    moment = now()
    with engage_db.connect() as db:
        due = runs.due(db, now=moment)
        waiting = runs.unattended(db, now=moment)
    for campaign in due:
        late = (moment - campaign.scheduled_for) // RETRY
        key = f"campaign:{campaign.campaign_id}:{campaign.scheduled_for.isoformat()}"
        yield dg.RunRequest(
            run_key=key if late == 0 or context.cursor is None else f"{key}:again:{late}",
            run_config=_config(campaign),
            tags={"engage/campaign": campaign.key},
        )
    for run in waiting:
        bucket = int(moment.timestamp() // 60)
        yield dg.RunRequest(run_key=f"run:{run.campaign_run_id}:{bucket}", tags={"engage/campaign": run.key})
    context.update_cursor(moment.isoformat())
    if not due and not waiting:
        yield dg.SkipReason("No campaign is due, and none is waiting to be sent on.")


def _config(campaign: runs.Due) -> dict[str, object]:
    config = {"campaign_id": campaign.campaign_id, "scheduled_for": campaign.scheduled_for.isoformat()}
    return {"ops": {"audience_snapshot": {"config": config}}}
