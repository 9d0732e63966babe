"""Makes the demo CRM live: new orders, edits, stage moves, deletes, in a few set-based statements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiosql
from psycopg import Connection

CHANGES: Any = aiosql.from_path(Path(__file__).with_name("mutate.sql"), "psycopg")

SHARES = {  # of all changes
    "new_customers": 0.05, "new_orders": 0.40, "order_moves": 0.20, "customer_edits": 0.20, "new_calls": 0.05,
    "new_whatsapp_messages": 0.05, "deal_moves": 0.04, "deleted_customers": 0.01,
}  # fmt: skip


class CrmEmpty(Exception):
    """There is nothing to change yet."""


@dataclass(frozen=True)
class MutateReport:
    """Rows changed, by kind of change."""

    changed: dict[str, int]


def mutate(crm: Connection, *, changes: int, seed: int, now: datetime) -> MutateReport:
    """Makes about `changes` changes in one transaction; every row touched gets `now` as its time of change.

    The same seed on the same rows makes the same changes. Raises CrmEmpty without customers.
    """
    if crm.execute("select to_regclass('customers') is null").fetchone() == (True,):
        raise CrmEmpty("This database holds no demo CRM. `engage crm seed` makes one.")
    changed = {}
    with crm.transaction():
        for name, share in SHARES.items():
            limit = max(1, round(changes * share))
            statement = getattr(CHANGES, name).sql
            changed[name] = crm.execute(statement, {"limit": limit, "seed": str(seed), "now": now}).rowcount
    return MutateReport(changed)
