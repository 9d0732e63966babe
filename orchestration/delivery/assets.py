"""Delivery: what passed its tests is sent, and what became of it is counted."""

from datetime import timedelta
from typing import Any

import dagster as dg

from activation.campaigns import runs
from activation.delivery import dead_letters, epoch, outcomes
from orchestration.resources import EngageDb, Senders, now


class DeliveryConfig(dg.Config):
    """How long to stay with campaigns that are throttled, in seconds; without a number until they are through."""

    throttled_for: float | None = None


class DeliveryHeld(dg.Failure):
    """Something a person has to mend keeps messages from leaving; they stay queued."""


@dg.asset(
    key=["engage", "send_batches"],
    deps=[["engage", "campaign_messages"]],
    group_name="delivery",
    kinds={"python"},
    description="Messages handed to the provider, in batches that can be repeated without a second mail.",
    metadata={"dagster/table_name": "engage.send_batches"},
)
def message_delivery(
    context: dg.AssetExecutionContext, config: DeliveryConfig, engage_db: EngageDb, senders: Senders
) -> dg.MaterializeResult[Any]:
    """Opens the runs whose messages passed their test, delivers what is due, and ends the runs that are through."""
    home = senders.settings.engage_home
    with engage_db.connect() as db:
        held = epoch.check(db, home, now=now())
        if held:
            raise DeliveryHeld(description=held, allow_retries=False)
        stopped = runs.open_for_sending(db, now=now())
    report = senders.deliver(throttled_for=timedelta(seconds=config.throttled_for) if config.throttled_for else None)
    with engage_db.connect() as db:
        epoch.check(db, home, now=now())
        finished = runs.finish(db, now=now())
        counts = runs.open_counts(db)
    for campaign, problem in report.problems.items():
        context.log.error(f"{campaign} is held up: {problem}")
    if report.problems or stopped:
        words = [*stopped, *(f"{campaign}: {problem}" for campaign, problem in report.problems.items())]
        raise DeliveryHeld(description="; ".join(words), allow_retries=False)
    return dg.MaterializeResult(
        metadata={
            "batches": report.batches,
            "finished": finished,
            **{f"messages_{state}": n for state, n in counts.items()},
        }
    )


@dg.asset(
    key=["landing", "provider_events"],
    deps=[["engage", "send_batches"]],
    group_name="delivery",
    kinds={"postgres", "python"},
    description="Deliveries, opens, clicks and the like, counted into engage.message_events and into message states.",
    metadata={"dagster/table_name": "landing.provider_events"},
)
def message_outcomes(engage_db: EngageDb, senders: Senders) -> dg.MaterializeResult[Any]:
    """Lands what the sandbox made happen, and counts every event that has landed."""
    with engage_db.connect() as db:
        landed = outcomes.land_sandbox_stories(db, seed=senders.settings.sandbox_seed, now=now())
        counted = outcomes.process(db, now=now())
        settled = dead_letters.settle_unknown(db, now=now())
    return dg.MaterializeResult(metadata={"landed": landed, "counted": counted, "settled": sum(settled.values())})
