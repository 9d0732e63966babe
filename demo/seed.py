"""A believable CRM out of a seed: the same seed, size and day always make the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from psycopg import Connection

from demo import conversations, people, trade
from demo.catalogue import products
from demo.copying import Times, as_text, copy_rows

SCHEMA = Path(__file__).with_name("schema.sql")
TABLES = ("customers", "products", "orders", "order_items", "calls", "whatsapp_messages", "deals")
YEARS = 3


class CrmNotEmpty(Exception):
    """The database already holds a CRM; the message says how to replace it."""


@dataclass(frozen=True)
class SeedReport:
    """Rows written, by table."""

    rows: dict[str, int]


def seed(crm: Connection, *, customers: int, seed: int, today: datetime, replace: bool = False) -> SeedReport:
    """Creates the CRM's tables and fills them by COPY, in one transaction.

    Raises CrmNotEmpty when there are customers already, unless `replace` empties the tables first.
    """
    tables, indexes = SCHEMA.read_text().split("create index", 1)
    with crm.transaction():
        crm.execute(tables)
        if replace:
            crm.execute(
                "truncate customers, products, orders, order_items, calls, whatsapp_messages, deals restart identity"
            )
        elif crm.execute("select exists (select from customers)").fetchone() == (True,):
            raise CrmNotEmpty(
                "This database already holds a CRM with customers. `engage crm seed --replace` starts it anew."
            )
        rows = _fill(crm, np.random.default_rng(seed), customers, today)
        crm.execute(f"create index{indexes}")
    crm.execute("analyze")
    crm.commit()
    return SeedReport(rows)


def _fill(crm: Connection, chance: np.random.Generator, count: int, today: datetime) -> dict[str, int]:
    end = np.datetime64(today.replace(tzinfo=None), "s")
    created = _arrivals(chance, count, end)
    orders = trade.draw_orders(chance, created, end)
    spending = np.bincount(np.minimum(orders.customer, count), minlength=count + 1)[1:]
    plan = np.searchsorted(
        [0.55, 0.80, 0.95], np.clip(chance.random(count) * 0.9 + np.minimum(spending, 12) * 0.02, 0, 0.999)
    )
    updated = created + ((end - created) / np.timedelta64(1, "s") * chance.random(count) ** 2).astype("timedelta64[s]")
    currencies = ["EUR"]
    order_rows, item_rows = trade.rows(chance, orders, currencies)
    born = as_text(np.full(1, created.min()))[0]
    stock = ((sku, name, category, f"{price:.2f}", "EUR", born, born) for sku, name, category, price in products())
    return {
        "customers": copy_rows(
            crm, "customers", people.COLUMNS, people.customers(chance, created, updated, plan, today)
        ),
        "products": copy_rows(
            crm,
            "products",
            ("sku", "name", "category", "price", "currency", "created_at", "updated_at"),
            stock,
        ),
        "orders": copy_rows(crm, "orders", trade.ORDER_COLUMNS, order_rows),
        "order_items": copy_rows(crm, "order_items", trade.ITEM_COLUMNS, item_rows),
        "calls": copy_rows(crm, "calls", conversations.CALL_COLUMNS, conversations.calls(chance, created, end)),
        "whatsapp_messages": copy_rows(
            crm,
            "whatsapp_messages",
            conversations.WHATSAPP_COLUMNS,
            conversations.whatsapp_messages(chance, created, end),
        ),
        "deals": copy_rows(
            crm, "deals", conversations.DEAL_COLUMNS, conversations.deals(chance, created, end, currencies)
        ),
    }


def _arrivals(chance: np.random.Generator, count: int, end: np.datetime64) -> Times:
    """When customers came: over three years, more of them each year, some in the last days."""
    age = (1 - np.sqrt(chance.random(count))) * YEARS * 365 * 86_400 + chance.random(count) * 43_200
    return np.sort(end - age.astype("timedelta64[s]") - np.timedelta64(60, "s"))
