"""Orders and their items: long-tailed spending, seasons, weekdays, customers who left and customers who just came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from demo.catalogue import products
from demo.copying import NULL, Times, as_text
from demo.places import CITIES, COUNTRIES

ORDER_COLUMNS = (
    "customer_id", "status", "channel", "coupon_code", "total", "currency", "ordered_at", "paid_at", "shipped_at",
    "cancelled_at", "updated_at",
)  # fmt: skip
ITEM_COLUMNS = ("order_id", "product_id", "quantity", "unit_price", "discount", "updated_at")

STATUSES = ("pending", "paid", "shipped", "delivered", "cancelled", "refunded")
CHANNELS = ("web", "app", "store", "phone")
COUPONS = ("WELCOME10", "SUMMER", "BACK15", "FRIEND")
MONTH_PROFILE = np.array([0.9, 0.75, 0.85, 0.9, 0.95, 1.0, 0.9, 0.7, 1.0, 1.05, 1.5, 1.7])
HOUR_PROFILE = np.array([1, 1, 0, 0, 0, 1, 2, 4, 6, 8, 9, 9, 8, 7, 7, 7, 8, 9, 10, 12, 13, 11, 7, 3], dtype=float)

SECOND, DAY = np.timedelta64(1, "s"), np.timedelta64(86_400, "s")


@dataclass(frozen=True)
class Orders:
    """Orders in columns; `items` says how many lines each has."""

    customer: npt.NDArray[np.int64]
    status: npt.NDArray[np.int64]
    ordered: Times
    paid: Times
    shipped: Times
    cancelled: Times
    updated: Times
    items: npt.NDArray[np.int64]


def draw_orders(chance: np.random.Generator, created: Times, today: np.datetime64, mean: float = 3.0) -> Orders:
    """Every customer's orders between the day they came and the day they left, in order of time."""
    count = len(created)
    appetite = np.clip(chance.pareto(1.35, size=count), 0, 60) * mean * 0.6 + mean * 0.4
    appetite[chance.random(count) < 0.2] = 0  # those who never bought
    numbers = chance.poisson(appetite)
    customer = np.repeat(np.arange(count), numbers)
    left = np.where(
        chance.random(count) < 0.35, chance.random(count) ** 1.5, 1.0
    )  # share of their time before they left
    span = (today - created) / SECOND
    at = created[customer] + ((span * left)[customer] * chance.random(len(customer))).astype("timedelta64[s]")
    keep = chance.random(len(at)) < MONTH_PROFILE[at.astype("datetime64[M]").astype(int) % 12] / MONTH_PROFILE.max()
    customer, at = customer[keep], at[keep]
    hours = chance.choice(24, size=len(at), p=HOUR_PROFILE / HOUR_PROFILE.sum())
    at = at.astype("datetime64[D]").astype("datetime64[s]") + (hours * 3600 + chance.integers(0, 3600, len(at))).astype(
        "timedelta64[s]"
    )
    at = np.clip(at, created[customer], today - SECOND)
    order = np.argsort(at, kind="stable")
    return _with_states(chance, customer[order] + 1, at[order], today)


def _with_states(
    chance: np.random.Generator, customer: npt.NDArray[np.int64], at: Times, today: np.datetime64
) -> Orders:
    count = len(at)
    status = chance.choice(6, size=count, p=[0.02, 0.04, 0.06, 0.80, 0.05, 0.03])
    fresh = (today - at) < 2 * DAY
    status[fresh] = chance.choice([0, 1, 2], size=int(fresh.sum()), p=[0.4, 0.4, 0.2])
    orphans = chance.random(count) < 0.0005
    customer = np.where(orphans, customer + 900_000_000, customer)
    never = np.datetime64("NaT", "s")
    paid = at + chance.integers(20, 7200, count).astype("timedelta64[s]")
    shipped = paid + chance.integers(3600, 3 * 86_400, count).astype("timedelta64[s]")
    cancelled = at + chance.integers(60, 5 * 86_400, count).astype("timedelta64[s]")
    paid, shipped, cancelled = (np.minimum(moment, today) for moment in (paid, shipped, cancelled))
    paid = np.where(np.isin(status, [1, 2, 3, 5]), paid, never)
    shipped = np.where(np.isin(status, [2, 3, 5]), shipped, never)
    cancelled = np.where(status == STATUSES.index("cancelled"), cancelled, never)
    updated = np.fmax(np.fmax(at, paid), np.fmax(shipped, cancelled))
    return Orders(customer, status, at, paid, shipped, cancelled, updated, 1 + chance.poisson(1.1, count))


def rows(
    chance: np.random.Generator, orders: Orders, currencies: list[str]
) -> tuple[Iterator[tuple[str, ...]], Iterator[tuple[str, ...]]]:
    """COPY texts of the orders, and of their items; totals are the sums of the items."""
    prices = np.array([product[3] for product in products()])
    count, lines = len(orders.ordered), int(orders.items.sum())
    order_of_line = np.repeat(np.arange(count), orders.items)
    popularity = 1.0 / np.arange(1, len(prices) + 1) ** 0.5
    shuffled = chance.permutation(len(prices))
    product = shuffled[chance.choice(len(prices), size=lines, p=popularity / popularity.sum())]
    quantity = 1 + chance.poisson(0.25, lines)
    discount = np.where(chance.random(lines) < 0.12, np.round(prices[product] * 0.1, 2), 0.0)
    totals = np.bincount(order_of_line, quantity * prices[product] - discount, minlength=count).astype(np.float64)
    return _order_rows(chance, orders, totals, currencies), _item_rows(
        orders, order_of_line, product, quantity, prices, discount
    )


def _order_rows(
    chance: np.random.Generator, orders: Orders, totals: npt.NDArray[np.float64], currencies: list[str]
) -> Iterator[tuple[str, ...]]:
    count = len(totals)
    channel = chance.choice(4, size=count, p=[0.62, 0.24, 0.1, 0.04]).tolist()
    coupon = chance.random(count).tolist()
    times = (
        as_text(moment) for moment in (orders.ordered, orders.paid, orders.shipped, orders.cancelled, orders.updated)
    )
    known = len(currencies)
    for customer, status, way, code, total, *moments in zip(
        orders.customer.tolist(),
        orders.status.tolist(),
        channel,
        coupon,
        totals.tolist(),
        *times,
        strict=True,
    ):
        yield (
            str(customer), STATUSES[status], CHANNELS[way], COUPONS[int(code * 40)] if code < 0.1 else NULL, f"{total:.2f}",
            currencies[(customer - 1) % known], *moments,
        )  # fmt: skip


def _item_rows(
    orders: Orders,
    order_of_line: npt.NDArray[np.int64],
    product: npt.NDArray[np.int64],
    quantity: npt.NDArray[np.int64],
    prices: npt.NDArray[np.float64],
    discount: npt.NDArray[np.float64],
) -> Iterator[tuple[str, ...]]:
    updated = as_text(orders.ordered[order_of_line])
    for order, bought, number, price, less, moment in zip(
        order_of_line.tolist(),
        product.tolist(),
        quantity.tolist(),
        prices[product].tolist(),
        discount.tolist(),
        updated,
        strict=True,
    ):
        yield str(order + 1), str(bought + 1), str(number), f"{price:.2f}", f"{less:.2f}", moment


def currency_of_cities() -> list[str]:
    """Currency of each city."""
    return [COUNTRIES[city[1]].currency for city in CITIES]
