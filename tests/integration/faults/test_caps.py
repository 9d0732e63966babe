"""The last slot under a frequency cap goes to one message, whoever claims at once. Row 34 of the faults."""

from __future__ import annotations

import asyncio
from collections import Counter

import psycopg
import pytest

from activation.campaigns import commands
from activation.campaigns.rules import SendingRules
from activation.delivery import batches
from activation.delivery.batches import Claim
from activation.delivery.send import deliver
from tests.factories import engage as given
from tests.factories.engage import NOW
from tests.support.sending import delivery_of, many, resend

CONTACTS = 40


def second_campaign(db, *, priority=50):
    commands.create(
        db, name="Other", segment="everybody", template="news", time_zone="UTC", actor="t", now=NOW,
        rules=SendingRules(priority=priority, deadline_minutes=5_000_000),
    )  # fmt: skip
    return commands.launch(db, "other", now=NOW)


def at_one_below_the_cap(db):
    """Everybody was sent two marketing mails within the week."""
    db.execute(
        "insert into engage.campaign_messages (campaign_run_id, campaign_id, contact_id, step, channel, address, state, "
        "template_version_id, is_capped, next_attempt_at, created_at, state_changed_at, sent_at) "
        "select 0, 0, contact_id, step, 'email', 'x', 'sent', 1, true, now(), now(), now(), now() "
        "from core.contacts cross join generate_series(1, 2) as step"
    )
    db.commit()


@pytest.fixture
def two_runs(engage_db):
    first = many(engage_db, CONTACTS)
    at_one_below_the_cap(engage_db)
    second = second_campaign(engage_db)
    engage_db.commit()
    return [given.begin_run(engage_db, campaign, provider="resend") for campaign in (first, second)]


def outcome(db):
    found = Counter(
        db.execute(
            "select campaign_run_id, coalesce(reason, state) from engage.campaign_messages where campaign_run_id > 0"
        ).fetchall()
    )
    db.commit()
    return found


async def claims_at_once(url, run_ids, channel, *, workers):
    """As many claims as workers, let go together by a barrier."""
    barrier = asyncio.Barrier(workers)

    async def work(number):
        run_id = run_ids[number % len(run_ids)]
        db = await psycopg.AsyncConnection.connect(url, autocommit=True, options="-c timezone=UTC")
        async with db:
            await barrier.wait()
            for _ in range(10):
                await batches.claim(db, Claim(run_id, "email", True, "w/e", f"{number}"), channel, most=7, now=NOW)

    await asyncio.gather(*(work(number) for number in range(workers)))


def test_two_campaigns_and_eight_workers_give_the_last_slot_to_exactly_one(engage_db, engage_url, provider, two_runs):
    """Row 34: per contact one message is claimed, the other is skipped or still waits for the first."""
    asyncio.run(claims_at_once(engage_url, two_runs, resend(provider.url), workers=8))

    claimed = Counter(
        row[0] for row in engage_db.execute("select contact_id from engage.campaign_messages where state = 'claimed'")
    )
    engage_db.commit()
    assert claimed == dict.fromkeys(range(1, CONTACTS + 1), 1)


def test_of_two_campaigns_the_higher_priority_gets_the_last_slot_and_the_other_is_capped(
    engage_db, engage_url, provider, clock
):
    """Row 34, whichever is worked on first; the time of the lower is earlier."""
    low = many(engage_db, CONTACTS)
    at_one_below_the_cap(engage_db)
    high = second_campaign(engage_db, priority=90)
    engage_db.commit()
    run_low = given.begin_run(engage_db, low, provider="resend")
    run_high = given.begin_run(engage_db, high, provider="resend")
    first = delivery_of(engage_url, resend(provider.url, batch_size=10), clock=clock)

    deliver(first)
    deliver(first)

    assert outcome(engage_db) == {(run_high, "sent"): CONTACTS, (run_low, "frequency_cap"): CONTACTS}
    assert provider.counts()["mails"] == CONTACTS


def test_a_failed_message_gives_its_slot_back(engage_db, engage_url, provider, clock):
    """Row 34: what the provider refused for good was no message."""
    first = many(engage_db, 3)
    at_one_below_the_cap(engage_db)
    run_id = given.begin_run(engage_db, first, provider="resend")
    engage_db.execute(
        "update engage.campaign_messages set address = 'ada@test.com' where campaign_run_id = %s and contact_id = 2",
        [run_id],
    )
    engage_db.commit()
    deliver(delivery_of(engage_url, resend(provider.url), clock=clock))

    other = given.begin_run(engage_db, second_campaign(engage_db), provider="resend")
    deliver(delivery_of(engage_url, resend(provider.url), clock=clock))

    assert outcome(engage_db) == {
        (run_id, "sent"): 2, (run_id, "refused by the provider"): 1, (other, "frequency_cap"): 2, (other, "sent"): 1,
    }  # fmt: skip


def test_who_has_a_message_on_its_way_is_at_the_cap_for_a_snapshot(engage_db, engage_url, provider):
    """Claimed messages count towards caps, at the snapshot as at the claim."""
    first = many(engage_db, 3)
    at_one_below_the_cap(engage_db)
    run_id = given.begin_run(engage_db, first, provider="resend")
    asyncio.run(claims_at_once(engage_url, [run_id], resend(provider.url), workers=1))
    second = second_campaign(engage_db)

    other = given.begin_run(engage_db, second, provider="resend")

    assert outcome(engage_db)[(other, "frequency_cap")] == 3
    assert outcome(engage_db)[(run_id, "claimed")] == 3
