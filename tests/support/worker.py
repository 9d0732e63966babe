"""One step of the product in a process of its own, for tests that kill it: python -m tests.support.worker deliver"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from activation.campaigns import runs
from activation.delivery.configure import delivery_from
from activation.delivery.send import deliver
from activation.segments.refresh import refresh
from engage_db.connection import connect_crm, connect_engage
from engage_db.settings import load_settings
from orchestration.extraction.registry import crm_tables
from orchestration.extraction.sync import sync_table


def main(step: str) -> None:
    now = datetime.now(UTC)
    if step == "deliver":
        deliver(delivery_from(load_settings(), lambda: datetime.now(UTC)))
    elif step == "sync":
        orders = next(table for table in crm_tables() if table.name == "orders")
        with connect_crm() as crm, connect_engage() as engage:
            sync_table(crm, engage, orders)
    elif step == "snapshot":
        with connect_engage() as db:
            for due in runs.due(db, now=now):
                runs.plan(db, due.campaign_id, due.scheduled_for, now=now)
            for run in runs.open_runs(db):
                runs.snapshot(db, run.campaign_run_id, sender="a@b.dev", provider="resend", now=now)
    elif step == "refresh":
        with connect_engage() as db:
            refresh(db, "everybody", now=now)


if __name__ == "__main__":
    main(sys.argv[1])
