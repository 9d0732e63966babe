"""Delivery with everything on, against a loop over the provider's SDK; and from a trigger to the provider.

Everything on: outbox with claims, caps, consent, suppressions; signed links, pixel, headers; frozen bytes; a durable
Postgres. Client, database and the provider that counts share the machine.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg

from activation.campaigns import audience, commands, runs, trigger
from activation.channels.contract import Mail
from activation.channels.email.resend import Resend
from activation.delivery.compose import Composer, Envelope
from activation.delivery.processes import deliver_in_processes
from activation.delivery.send import Delivery
from activation.duties import TriggeredMessages
from activation.templates import versions
from activation.tracking.tokens import Links
from activation.worker import Worker
from engage_db.settings import Settings
from tests.benchmarks.rows import row
from tests.benchmarks.sending.sink import counted, running_sink
from tests.benchmarks.sending.world import SQL, World, world
from tests.factories import engage as factory

MAILS = 100_000
PROCESSES = 2
NAIVE = 1_000
TEMPLATE = "win_back"
SENDER = "Shop <news@shop.test.dev>"
FLOOR, TIMES, TRIGGER_SECONDS = 15_000, 20, 5.0
CURVE = (0.25, 0.5, 1.0)


def measure(scale: float) -> list[dict[str, Any]]:
    """Delivery, the naive loop, and triggers."""
    mails = max(2_000, int(MAILS * scale))
    with world(mails) as here, running_sink() as sink:
        ours = _deliver(here, sink)
        naive = _naive(here, sink, min(NAIVE, mails))
        waited = _trigger(here, sink)
    return [
        row("deliver, everything on / 15k mails a second", ours=ours, reference=FLOOR, unit="mails/s", target="≥ 1", ok=ours >= FLOOR),
        row("deliver, everything on / loop over the SDK", ours=ours, reference=naive, unit="mails/s", target="≥ 20", ok=ours >= TIMES * naive),
        row("trigger to provider, slowest of 5 / limit", ours=waited, reference=TRIGGER_SECONDS, unit="s", target="≤ 1", ok=waited <= TRIGGER_SECONDS),
    ]  # fmt: skip


def curve(scale: float) -> list[dict[str, Any]]:
    """Three sizes of audience: the pace must not fall."""
    paces = []
    for share in CURVE:
        with world(max(2_000, int(MAILS * scale * share))) as here, running_sink() as sink:
            paces.append(_deliver(here, sink))
    return [
        row(f"deliver at {share:g} of the size / at the smallest", ours=pace, reference=paces[0], unit="mails/s", target="≥ 0.7", ok=pace >= 0.7 * paces[0])
        for share, pace in zip(CURVE, paces, strict=True)
    ]  # fmt: skip


def _delivery(here: World, sink: str) -> Delivery:
    return Delivery(
        engage_url=here.url,
        channels={"resend": Resend(api_key="re_bench", api_url=sink, requests_per_second=100_000)},
        composer=Composer(Links(public_url="https://engage.test.dev", secrets=["bench"]), "bench", "Via Roma 1, Rome"),
        clock=lambda: datetime.now(UTC),
    )


def _deliver(here: World, sink: str) -> float:
    """Mails a second, from the start of the processes to the last write-back. What the provider counted was sent."""
    now = datetime.now(UTC)
    with here.db.transaction():
        here.db.execute(SQL.fill_suppressions, {"every": 50})
        here.db.execute(
            SQL.fill_history,
            {"campaign_run_id": 0, "campaign_id": 0, "template_version_id": 1, "every": 10, "moment": now},
        )
    campaign = commands.create(
        here.db, name="Bench", segment="everybody", template=TEMPLATE, time_zone="UTC", actor="bench", now=now
    )
    campaign = commands.launch(here.db, campaign.key, now=now)
    run_id = runs.plan(here.db, campaign.campaign_id, campaign.next_run_at or now, now=now)
    assert run_id is not None
    factory.pass_data_tests(here.db, now=now)
    report = runs.snapshot(here.db, run_id, sender=SENDER, provider="resend", now=now)
    factory.pass_data_tests(here.db, "campaign_messages", now=datetime.now(UTC))
    runs.open_for_sending(here.db, now=now)
    here.db.execute("vacuum analyze engage.campaign_messages")
    before = counted(sink)["mails"]
    started = time.perf_counter()
    with _installed_at(here, sink):
        deliver_in_processes(Settings(), throttled_for=None)
    seconds = time.perf_counter() - started
    held = counted(sink)
    sent = here.db.execute("select count(*) from engage.campaign_messages where state = 'sent'").fetchone()
    assert sent is not None
    assert held["mails"] - before == sent[0] == report.queued, (held, sent, report)
    assert held["without_key"] == 0
    return report.queued / seconds


def _naive(here: World, sink: str, mails: int) -> float:
    """What a first version does: render, send through the SDK, update the row, for one after the other."""
    import resend

    resend.api_key, resend.api_url = "re_bench", sink
    version = versions.newest(here.db, TEMPLATE)
    composer = _delivery(here, sink).composer
    rows = here.db.execute(
        "select message_id, address, tokens from engage.campaign_messages where state = 'sent' limit %s", [mails]
    ).fetchall()
    started = time.perf_counter()
    for message_id, address, tokens in rows:
        mail = composer.compose(Envelope(1, "bench", "Bench", SENDER), version, message_id, address, tokens)
        answer = resend.Emails.send(_parameters(mail))
        here.db.execute(
            "update engage.campaign_messages set provider_message_id = %s, state = 'sent' where message_id = %s",
            [answer["id"], message_id],
        )
    return len(rows) / (time.perf_counter() - started)


def _parameters(mail: Mail) -> Any:
    return {"from": mail.sender, "to": [mail.to], "subject": mail.subject, "html": mail.html, "text": mail.text}


def _trigger(here: World, sink: str) -> float:
    """The longest of five waits from a trigger to the mail at the provider, with the worker running."""
    now = datetime.now(UTC)
    made = commands.create(
        here.db, name="Receipt", segment=None, template=TEMPLATE, time_zone="UTC", actor="bench", now=now
    )
    commands.launch(here.db, made.key, now=now)
    waits = []
    with _working(here, sink):
        for contact_id in (7, 9, 13, 17, 19):
            before = counted(sink)["mails"]
            started = time.perf_counter()
            trigger.trigger(
                here.db, made.key, [contact_id],
                sender=SENDER, provider="resend", policy=audience.Policy(), now=datetime.now(UTC),
            )  # fmt: skip
            while counted(sink)["mails"] == before and time.perf_counter() - started < 60:
                time.sleep(0.02)
            waits.append(time.perf_counter() - started)
    return max(waits)


@contextmanager
def _installed_at(here: World, sink: str) -> Iterator[None]:
    """The settings of processes that are started meanwhile."""
    settings = {
        "ENGAGE_DATABASE_URL": here.url, "CRM_DATABASE_URL": here.url, "DAGSTER_DATABASE_URL": here.url,
        "ENGAGE_HOME": str(here.home / "home"), "SECRET_KEY": "bench", "PUBLIC_URL": "https://engage.test.dev",
        "RESEND_API_KEY": "re_bench", "RESEND_API_URL": sink, "RESEND_REQUESTS_PER_SECOND": "100000",
        "DELIVERY_PROCESSES": str(PROCESSES),
    }  # fmt: skip
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _working(here: World, sink: str) -> Iterator[None]:
    stop = threading.Event()
    worker = Worker(
        connect=lambda: psycopg.connect(here.url, options="-c timezone=UTC", autocommit=True),
        clock=lambda: datetime.now(UTC),
        duties=[TriggeredMessages(lambda: replace(_delivery(here, sink), stop=stop), here.home, stop)],
        stop=stop,
    )
    thread = threading.Thread(target=worker.run)
    thread.start()
    time.sleep(1)
    try:
        yield
    finally:
        stop.set()
        thread.join()
