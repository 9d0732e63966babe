"""Telephone calls, WhatsApp messages and deals."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import orjson

from demo.copying import NULL, Times, as_text, escaped

CALL_COLUMNS = (
    "customer_id",
    "direction",
    "outcome",
    "topic",
    "agent_name",
    "started_at",
    "duration",
    "notes",
    "updated_at",
)
WHATSAPP_COLUMNS = ("customer_id", "direction", "status", "body", "sent_at", "updated_at")
DEAL_COLUMNS = (
    "customer_id", "title", "stage", "amount", "currency", "owner_name", "stage_history", "created_at", "closed_at", "updated_at",
)  # fmt: skip

AGENTS = ("Giulia Conti", "Marc Petit", "Lena Vogt", "Tom Hughes", "Sara Lind")
OUTCOMES = ("answered", "no_answer", "voicemail", "busy")
TOPICS = ("support", "sales", "billing", "delivery")
SAID_TO = (
    "Your order is on its way 🚚",
    "Thank you for your order!",
    "Your size is back in stock.",
    "How did we do?",
)
SAID_BY = (
    "Where is my parcel?",
    "Thanks a lot 🙏",
    "Can I change the size?",
    "Do you ship to Malta?\nAsking for a friend.",
)
STAGES = ("lead", "qualified", "proposal", "negotiation")
FIRST_NAMES_OF_DEALS = ("Uniforms", "Gift boxes", "Hotel linen", "Staff jackets", "Shop fitting")


def _moments(chance: np.random.Generator, created: Times, today: np.datetime64, mean: float) -> tuple[list[int], Times]:
    """Customers (from 1) and times of about `mean` happenings each, in order of time."""
    customer = np.repeat(np.arange(len(created)), chance.poisson(chance.gamma(0.6, mean / 0.6, len(created))))
    span = (today - created[customer]) / np.timedelta64(1, "s")
    at = created[customer] + (span * chance.random(len(customer))).astype("timedelta64[s]")
    order = np.argsort(at, kind="stable")
    return (customer[order] + 1).tolist(), at[order]


def calls(chance: np.random.Generator, created: Times, today: np.datetime64) -> Iterator[tuple[str, ...]]:
    """COPY texts of calls."""
    customer, at = _moments(chance, created, today, 1.0)
    times = as_text(at)
    numbers = chance.integers(0, 10**6, len(customer)).tolist()
    lengths = np.clip(chance.lognormal(4.6, 1.0, len(customer)), 1, 7200).astype(int).tolist()
    for who, moment, number, seconds in zip(customer, times, numbers, lengths, strict=True):
        outcome = OUTCOMES[(0, 0, 0, 0, 0, 0, 1, 1, 2, 3)[number % 10]]
        yield (
            str(who), "inbound" if number % 3 else "outbound", outcome, TOPICS[number % 4], AGENTS[number % 5], moment,
            f"{seconds if outcome == 'answered' else 0} seconds", "wants a call back" if number % 11 == 0 else NULL, moment,
        )  # fmt: skip


def whatsapp_messages(chance: np.random.Generator, created: Times, today: np.datetime64) -> Iterator[tuple[str, ...]]:
    """COPY texts of WhatsApp messages."""
    customer, at = _moments(chance, created, today, 2.0)
    times = as_text(at)
    numbers = chance.integers(0, 10**6, len(customer)).tolist()
    for who, moment, number in zip(customer, times, numbers, strict=True):
        is_ours = number % 5 < 3
        status = ("read", "delivered", "sent", "failed")[(0, 0, 0, 1, 1, 2, 3)[number % 7]] if is_ours else "received"
        body = escaped((SAID_TO if is_ours else SAID_BY)[number % 4])
        yield str(who), "outbound" if is_ours else "inbound", status, body, moment, moment


def deals(
    chance: np.random.Generator, created: Times, today: np.datetime64, currencies: list[str]
) -> Iterator[tuple[str, ...]]:
    """COPY texts of deals; the last entry of the stage history is the stage."""
    customer, at = _moments(chance, created, today, 0.25)
    amounts = np.round(chance.lognormal(7.6, 1.0, len(customer)), 2).tolist()
    starts, end = (
        at.astype("datetime64[s]").astype(int).tolist(),
        int(today.astype("datetime64[s]").astype(int)),
    )
    for position, (who, amount) in enumerate(zip(customer, amounts, strict=True)):
        moment = starts[position]
        steps: list[tuple[str, int]] = []
        for stage in (*STAGES, "won" if chance.random() < 0.45 else "lost"):
            if moment > end or (steps and chance.random() < 0.12):
                break
            steps.append((stage, moment))
            moment += int(chance.exponential(9 * 86_400)) + 3600
        history = [{"stage": stage, "at": _iso(second)} for stage, second in steps]
        last, changed = steps[-1][0], _iso(steps[-1][1])
        yield (
            str(who), f"{FIRST_NAMES_OF_DEALS[who % 5]} {position % 90 + 10}", last, f"{amount:.2f}",
            currencies[(who - 1) % len(currencies)], AGENTS[who % 5], escaped(orjson.dumps(history).decode()),
            _iso(starts[position]), changed if last in ("won", "lost") else NULL, changed,
        )  # fmt: skip


def _iso(second: int) -> str:
    return f"{np.datetime64(second, 's')}+00:00"
