"""What providers tell us: counted once, in any order, and a state never goes back."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from psycopg.types.json import Jsonb

from activation.delivery import outcomes
from engage_db.settings import Settings
from tests.factories import engage as given
from tests.factories.engage import NOW

SETTINGS = Settings(_env_file=None, soft_bounces_before_suppression=3, soft_bounce_suppression_days=30)


@pytest.fixture
def sent(engage_db):
    """The ids of three messages that were sent."""
    return messages(engage_db, contacts=3)


def messages(db, *, contacts, state="sent", cron=None):
    given.begin_run(db, given.add_campaign(db, contacts=contacts, cron=cron))
    is_out = state in ("sent", "delivered")
    db.execute(
        "update engage.campaign_messages set state = %s, provider = 'test', sent_at = %s, "
        "provider_message_id = case when %s then 'p' || message_id end",
        [state, NOW if is_out else None, is_out],
    )
    db.commit()
    return [row[0] for row in db.execute("select message_id from engage.campaign_messages order by 1").fetchall()]


def land(db, message_id, kind, number=1, *, at=NOW, provider="test", provider_message_id=None, event_id=None, **detail):
    event = {
        "provider": provider, "provider_event_id": event_id or f"{message_id}/{kind}/{number}", "type": kind,
        "message_id": message_id, "provider_message_id": provider_message_id, "occurred_at": at, "detail": Jsonb(detail),
        "payload": Jsonb({}), "now": NOW,
    }  # fmt: skip
    db.execute(outcomes.SQL.land, event)


def process(db, now=NOW):
    counted = outcomes.process(db, now=now, settings=SETTINGS)
    db.commit()
    return counted


def state_of(db, message_id):
    return db.execute("select state from engage.campaign_messages where message_id = %s", [message_id]).fetchone()[0]


def suppressions(db):
    return db.execute(
        "select contact_id, reason from engage.suppressions where lifted_at is null order by 1, 2"
    ).fetchall()


def campaign(db):
    return db.execute("select state, state_reason from engage.campaigns").fetchone()


@pytest.mark.parametrize("order", list(itertools.permutations(["delivered", "opened", "bounced"])), ids="-".join)
def test_in_whatever_order_events_come_the_state_is_the_same(engage_db, sent, order):
    for kind in order:
        land(engage_db, sent[0], kind)
        process(engage_db)

    assert state_of(engage_db, sent[0]) == "bounced"


def test_an_event_that_comes_fifty_times_counts_once(engage_db, sent):
    for _ in range(50):
        land(engage_db, sent[0], "opened")
        process(engage_db)

    assert engage_db.execute("select count(*) from engage.message_events").fetchone() == (1,)


def test_what_is_known_of_an_event_reaches_its_row(engage_db, sent):
    known = {"agent": "Mail/1", "ip": "203.0.113.9", "link": 2, "method": "GET"}
    land(engage_db, sent[0], "clicked", **known)
    process(engage_db)

    assert engage_db.execute("select type, detail from engage.message_events").fetchone() == ("clicked", known)


def test_the_providers_sent_is_no_event_of_its_own(engage_db, sent):
    land(engage_db, sent[0], "sent")

    assert process(engage_db) == 0
    assert engage_db.execute("select count(*) from engage.message_events").fetchone() == (0,)


def test_hard_bounces_complaints_and_unsubscribes_suppress_and_a_soft_or_uncounted_bounce_does_not(engage_db):
    ids = messages(engage_db, contacts=6)
    land(engage_db, ids[0], "bounced", bounce="hard")
    land(engage_db, ids[1], "complained")
    land(engage_db, ids[2], "unsubscribed")
    land(engage_db, ids[3], "bounced", bounce="soft")
    land(engage_db, ids[4], "bounced", bounce="uncounted", words="552 5.3.4 message too big")
    land(engage_db, ids[5], "rejected", bounce="hard")
    process(engage_db)

    assert suppressions(engage_db) == [
        (1, "hard_bounce"), (2, "complaint"), (3, "unsubscribed_all"), (6, "provider_suppressed"),
    ]  # fmt: skip
    assert engage_db.execute("select contact_id, status, source from engage.consent_records").fetchall() == [
        (3, "unsubscribed", "test")
    ]


def test_an_unsubscribe_that_a_provider_tells_holds_the_mailbox_that_got_the_mail(engage_db, sent):
    engage_db.execute("update core.contacts set email = 'new@mail.test.dev' where contact_id = 1")
    land(engage_db, sent[0], "unsubscribed")
    process(engage_db)

    rows = engage_db.execute("select contact_id, address from engage.suppressions order by address").fetchall()
    assert rows == [(1, "c1@mail.test.dev"), (1, "new@mail.test.dev")]


def test_a_suppression_that_a_person_lifted_comes_back_only_with_what_happened_after(engage_db, sent):
    land(engage_db, sent[0], "bounced", bounce="hard")
    process(engage_db)
    engage_db.execute("update engage.suppressions set lifted_at = %s", [NOW + timedelta(hours=1)])
    land(engage_db, sent[0], "bounced", 2, at=NOW + timedelta(minutes=30), bounce="hard")
    process(engage_db)
    assert suppressions(engage_db) == []

    land(engage_db, sent[0], "bounced", 3, at=NOW + timedelta(hours=2), bounce="hard")
    process(engage_db)
    assert suppressions(engage_db) == [(1, "hard_bounce")]


def to_one_person(db, number):
    """As many messages to contact 1, in runs of their own."""
    first = messages(db, contacts=1)[0]
    db.execute(
        "insert into engage.campaign_messages (campaign_run_id, campaign_id, contact_id, step, channel, address, state, "
        "template_version_id, next_attempt_at, created_at, state_changed_at, sent_at) select campaign_run_id, campaign_id, "
        "contact_id, n, channel, address, 'sent', template_version_id, created_at, created_at, created_at, created_at "
        "from engage.campaign_messages cross join generate_series(1, %s) n where message_id = %s",
        [number - 1, first],
    )
    return [row[0] for row in db.execute("select message_id from engage.campaign_messages order by step").fetchall()]


def test_soft_bounces_in_a_row_suppress_for_a_while(engage_db):
    for day, message in enumerate(to_one_person(engage_db, 3)):
        assert suppressions(engage_db) == []
        land(engage_db, message, "bounced", at=NOW + timedelta(days=day), bounce="soft")
        process(engage_db)

    assert engage_db.execute("select reason, expires_at from engage.suppressions").fetchall() == [
        ("soft_bounce_run", NOW + timedelta(days=32))
    ]


def test_a_delivery_between_soft_bounces_begins_the_count_anew(engage_db):
    ids = to_one_person(engage_db, 5)
    for day, (message, kind) in enumerate(
        zip(ids, ["bounced", "bounced", "delivered", "bounced", "bounced"], strict=True)
    ):
        land(
            engage_db, message, kind, at=NOW + timedelta(days=day), **({"bounce": "soft"} if kind == "bounced" else {})
        )
        process(engage_db)

    assert suppressions(engage_db) == []


@pytest.mark.parametrize("said", ["550-5.7.26 unauthenticated mail of ada@mail.test.dev", "550 5.7.515 Access denied"])
def test_a_receiver_that_refuses_our_own_domain_stops_the_campaign_and_suppresses_nobody(engage_db, sent, said):
    land(engage_db, sent[0], "bounced", bounce="hard", words=said)
    process(engage_db)

    state, reason = campaign(engage_db)
    assert state == "stopped_by_guard"
    assert "SPF, DKIM and DMARC" in reason
    assert said.split()[0] in reason
    assert "ada@" not in reason
    assert engage_db.execute("select state, reason from engage.campaign_runs").fetchone() == (state, reason)
    assert suppressions(engage_db) == []


def test_a_policy_refusal_that_is_not_about_our_domain_stops_nothing(engage_db, sent):
    land(engage_db, sent[0], "bounced", bounce="uncounted", words="550 5.7.261 spam; see 15.7.26")
    process(engage_db)

    assert campaign(engage_db) == ("sending", None)


def test_a_run_that_three_complained_about_among_few_pauses_itself_with_the_reason(engage_db):
    ids = messages(engage_db, contacts=10)
    for message in ids:
        land(engage_db, message, "delivered")
    for message in ids[:2]:
        land(engage_db, message, "complained")
    process(engage_db)
    assert campaign(engage_db)[0] == "sending"

    land(engage_db, ids[2], "complained")
    process(engage_db)
    state, reason = campaign(engage_db)
    assert state == "paused"
    assert reason.startswith("3 complaints about 10 delivered mails: more than 0.30 %")
    assert engage_db.execute("select paused_from from engage.campaigns").fetchone() == ("sending",)


def test_three_complaints_among_a_thousand_deliveries_pause_nothing(engage_db):
    ids = messages(engage_db, contacts=1000, state="delivered")
    for message in ids[:3]:
        land(engage_db, message, "complained")
    process(engage_db)

    assert campaign(engage_db) == ("sending", None)


@pytest.mark.parametrize("parked", ["unknown", "dead"])
@pytest.mark.parametrize(
    ("told", "then"), [("sent", "sent"), ("opened", "sent"), ("delivered", "delivered"), ("bounced", "bounced")]
)
def test_an_event_settles_a_message_whose_fate_was_unknown(engage_db, parked, told, then):
    message = messages(engage_db, contacts=1, state=parked)[0]
    engage_db.execute("update engage.campaign_messages set reason = 'no answer'")
    land(engage_db, message, told, at=NOW + timedelta(minutes=1))
    process(engage_db)

    assert engage_db.execute("select state, sent_at, reason from engage.campaign_messages").fetchone() == (
        then, NOW + timedelta(minutes=1), None,
    )  # fmt: skip
    learned = engage_db.execute("select sent_learned_at is not null from engage.campaign_messages").fetchone()
    assert learned == (True,), "builds that read what is new find it by the time it came out"


def test_an_event_before_our_write_back_counts_at_once_and_the_state_follows_the_write_back(engage_db):
    message = messages(engage_db, contacts=1, state="claimed")[0]
    land(engage_db, message, "delivered")

    assert process(engage_db) == 1
    assert process(engage_db) == 0
    assert state_of(engage_db, message) == "claimed"

    engage_db.execute(
        "update engage.campaign_messages set state = 'sent', sent_at = %s, provider_message_id = 'x'", [NOW]
    )
    assert process(engage_db) == 0
    assert state_of(engage_db, message) == "delivered"
    assert engage_db.execute("select count(*) from landing.provider_events where processed_at is null").fetchone() == (
        0,
    )


@pytest.mark.parametrize("state", ["queued", "skipped", "cancelled", "failed"])
def test_an_event_never_makes_a_message_sent_that_we_did_not_send(engage_db, state):
    message = messages(engage_db, contacts=1, state=state)[0]
    land(engage_db, message, "delivered")
    process(engage_db)

    assert state_of(engage_db, message) == state


def test_an_event_without_our_tag_is_found_by_the_providers_id_also_when_that_is_noted_later(engage_db, sent):
    land(engage_db, None, "delivered", provider_message_id=f"p{sent[0]}", event_id="named")
    land(engage_db, None, "delivered", provider_message_id="later", event_id="early")
    assert process(engage_db) == 1
    assert state_of(engage_db, sent[0]) == "delivered"

    engage_db.execute(
        "update engage.campaign_messages set provider_message_id = 'later' where message_id = %s", [sent[1]]
    )
    assert process(engage_db, NOW + timedelta(minutes=5)) == 1
    assert state_of(engage_db, sent[1]) == "delivered"


def test_the_id_of_another_provider_is_another_message(engage_db, sent):
    land(engage_db, None, "delivered", provider="other", provider_message_id=f"p{sent[0]}", event_id="1")

    assert process(engage_db) == 0
    assert state_of(engage_db, sent[0]) == "sent"


def test_unknown_types_and_unknown_messages_are_kept_and_looked_at_no_more(engage_db, sent):
    land(engage_db, sent[0], "email.received")
    land(engage_db, 10**12, "delivered")
    land(engage_db, None, "delivered", provider_message_id="foreign", event_id="foreign")
    assert process(engage_db) == 0
    assert process(engage_db, NOW + timedelta(hours=2)) == 0

    kept = engage_db.execute("select count(*), count(processed_at) from landing.provider_events").fetchone()
    assert kept == (3, 3)


def test_the_sandbox_tells_the_same_story_however_often_it_is_asked(engage_db, sent):
    engage_db.execute("update engage.campaign_messages set provider = 'sandbox'")
    later = NOW + timedelta(minutes=10)

    first = outcomes.land_sandbox_stories(engage_db, seed=7, now=later)
    second = outcomes.land_sandbox_stories(engage_db, seed=7, now=later)

    assert first >= 3
    assert second == 0
    assert process(engage_db, later) == first
