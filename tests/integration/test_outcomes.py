"""What providers tell us: counted once, in any order, and a state never goes back."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from psycopg.types.json import Jsonb

from activation.delivery import outcomes
from tests.factories import engage as given
from tests.factories.engage import NOW


@pytest.fixture
def sent(engage_db):
    given.begin_run(engage_db, given.add_campaign(engage_db, contacts=3))
    engage_db.execute(
        "update engage.campaign_messages set state = 'sent', provider = 'sandbox', sent_at = %s, provider_message_id = 'p' || message_id",
        [NOW],
    )
    engage_db.commit()
    return [
        row[0] for row in engage_db.execute("select message_id from engage.campaign_messages order by 1").fetchall()
    ]


def land(db, message_id, kind, number=1, **payload):
    event = {
        "provider": "test", "provider_event_id": f"{message_id}/{kind}/{number}", "type": kind, "message_id": message_id,
        "provider_message_id": None, "occurred_at": NOW, "payload": Jsonb(payload), "now": NOW,
    }  # fmt: skip
    db.execute(outcomes.SQL.land, event)


@pytest.mark.parametrize("order", list(itertools.permutations(["delivered", "opened", "bounced"])), ids="-".join)
def test_in_whatever_order_events_come_the_state_is_the_same(engage_db, sent, order):
    for kind in order:
        land(engage_db, sent[0], kind)
        outcomes.process(engage_db, now=NOW)

    assert engage_db.execute(
        "select state from engage.campaign_messages where message_id = %s", [sent[0]]
    ).fetchone() == ("bounced",)


def test_an_event_that_comes_fifty_times_counts_once(engage_db, sent):
    for _ in range(50):
        land(engage_db, sent[0], "opened")
        outcomes.process(engage_db, now=NOW)

    assert engage_db.execute("select count(*) from engage.message_events").fetchone() == (1,)


def test_hard_bounces_complaints_and_unsubscribes_suppress_and_soft_bounces_do_not(engage_db, sent):
    land(engage_db, sent[0], "bounced", bounce="hard")
    land(engage_db, sent[1], "complained")
    land(engage_db, sent[2], "bounced", bounce="soft")
    outcomes.process(engage_db, now=NOW)

    assert engage_db.execute("select contact_id, reason from engage.suppressions order by 1").fetchall() == [
        (1, "hard_bounce"),
        (2, "complaint"),
    ]


def test_an_event_before_our_own_note_of_the_id_waits_and_is_joined_later(engage_db, sent):
    event = {
        "provider": "test", "provider_event_id": "early", "type": "delivered", "message_id": None, "provider_message_id": "later",
        "occurred_at": NOW, "payload": Jsonb({}), "now": NOW,
    }  # fmt: skip
    engage_db.execute(outcomes.SQL.land, event)
    assert outcomes.process(engage_db, now=NOW) == 0

    engage_db.execute(
        "update engage.campaign_messages set provider_message_id = 'later' where message_id = %s", [sent[0]]
    )
    assert outcomes.process(engage_db, now=NOW) == 1


def test_an_unknown_type_is_kept_and_ignored(engage_db, sent):
    land(engage_db, sent[0], "email.scheduled")
    assert outcomes.process(engage_db, now=NOW) == 0
    assert engage_db.execute("select count(*) from landing.provider_events").fetchone() == (1,)


def test_the_sandbox_tells_the_same_story_however_often_it_is_asked(engage_db, sent):
    later = NOW + timedelta(minutes=10)

    first = outcomes.land_sandbox_stories(engage_db, seed=7, now=later)
    second = outcomes.land_sandbox_stories(engage_db, seed=7, now=later)

    assert first >= 3
    assert second == 0
    assert outcomes.process(engage_db, now=later) == first
