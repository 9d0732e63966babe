"""The audience of a campaign frozen with every rule on, against a bare INSERT ... SELECT of the same members.

And one of them triggered: what is on record of all the others may not slow that down.
"""

from __future__ import annotations

import time
from datetime import time as wall_clock
from statistics import median
from typing import Any

from activation.campaigns import commands, runs, trigger
from activation.campaigns.audience import Policy
from activation.campaigns.rules import SendingRules
from tests.benchmarks.rows import row
from tests.benchmarks.sending.world import NOW, SQL, World, world
from tests.factories import engage as factory

MEMBERS = 1_000_000
LIMIT_SECONDS = 15.0
TRIGGER_SECONDS = 0.1
TRIGGERED = range(1, 41)
CURVE = (0.1, 0.316, 1.0)

ALL_RULES = SendingRules(
    topic="offers",
    holdout_percent=5,
    excluded_segments=("excluded",),
    quiet_hours=(wall_clock(21), wall_clock(8)),
    send_window=(wall_clock(6), wall_clock(23)),
)


def measure(scale: float) -> list[dict[str, Any]]:
    """A million members at scale 1."""
    seconds, bare, triggered, _ = _snapshot(max(1_000, int(MEMBERS * scale)))
    limit = LIMIT_SECONDS * max(scale, 0.01)
    return [
        row("snapshot, every rule / limit", ours=seconds, reference=limit, unit="s", target="≤ 1", ok=seconds <= limit),
        row("snapshot, every rule / bare insert", ours=seconds, reference=bare, unit="s", target="", ok=True),
        row("one of them triggered / limit", ours=triggered, reference=TRIGGER_SECONDS, unit="s", target="≤ 1", ok=triggered <= TRIGGER_SECONDS),
    ]  # fmt: skip


def curve(scale: float) -> list[dict[str, Any]]:
    """Three sizes: the time per member must not grow."""
    found = [_snapshot(max(1_000, int(MEMBERS * scale * share))) for share in CURVE]
    per_member = [seconds / members for seconds, _, _, members in found]
    return [
        row(f"snapshot of {members:,}, µs a member / of the smallest", ours=1e6 * each, reference=1e6 * per_member[0], unit="µs", target="≤ 1.5", ok=each <= 1.5 * per_member[0])
        for each, (*_, members) in zip(per_member, found, strict=True)
    ]  # fmt: skip


def _snapshot(members: int) -> tuple[float, float, float, int]:
    """Seconds of the snapshot, of the bare insert and of a trigger, and how many members there were."""
    with world(members) as here:
        _complicate(here)
        campaign = commands.create(
            here.db, name="All", segment="everybody", template="win_back", time_zone="UTC", actor="bench", now=NOW,
            rules=ALL_RULES,
        )  # fmt: skip
        campaign = commands.launch(here.db, campaign.key, now=NOW)
        run_id = runs.plan(here.db, campaign.campaign_id, campaign.next_run_at or NOW, now=NOW)
        assert run_id is not None
        here.db.execute(SQL.bare_copy)
        started = time.perf_counter()
        here.db.execute(SQL.bare_insert, {"moment": NOW, "segment_id": here.segment_id})
        bare = time.perf_counter() - started
        started = time.perf_counter()
        report = runs.snapshot(
            here.db, run_id, sender="Shop <a@b.dev>", provider="resend", now=NOW, policy=Policy("Europe/Rome")
        )
        seconds = time.perf_counter() - started
        triggered = _triggered(here)
    assert report.targeted == members
    assert set(report.skipped) == {
        "suppressed", "no_consent", "frequency_cap", "holdout", "excluded_segment",
    }, report.skipped  # fmt: skip
    return seconds, bare, triggered, members


def _triggered(here: World) -> float:
    """The median of some triggers of one contact each, seconds."""
    campaign = commands.create(
        here.db, name="One", segment=None, template="win_back", time_zone="UTC", actor="bench", now=NOW, rules=ALL_RULES
    )
    commands.launch(here.db, campaign.key, now=NOW)
    factory.pass_data_tests(here.db, now=NOW)
    taken = []
    for contact_id in TRIGGERED:
        started = time.perf_counter()
        trigger.trigger(
            here.db, campaign.key, [contact_id],
            sender="Shop <a@b.dev>", provider="resend", policy=Policy("Europe/Rome"), now=NOW,
        )  # fmt: skip
        taken.append(time.perf_counter() - started)
    return median(taken)


def _complicate(here: World) -> None:
    """Suppressions, consent on record, people at their cap, an exclusion."""
    topic = here.db.execute(
        "insert into engage.topics (key, name, created_at, created_by) values ('offers', 'Offers', %s, 'bench') returning topic_id",
        [NOW],
    ).fetchone()
    assert topic is not None
    excluded = factory.add_segment(here.db, "excluded", [])
    here.db.execute(SQL.fill_members, {"segment_id": excluded, "every": 13})
    here.db.execute(SQL.fill_suppressions, {"every": 20})
    here.db.execute(SQL.fill_consents, {"every": 10, "topic_id": topic[0]})
    here.db.execute(
        SQL.fill_history,
        {"campaign_run_id": 0, "campaign_id": 0, "template_version_id": 1, "every": 10, "moment": NOW},
    )
    here.db.execute("analyze")
