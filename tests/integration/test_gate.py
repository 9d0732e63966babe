"""The three who judge a message say the same: the pure gate, the snapshot's SQL and the claim's."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

from activation.campaigns import audience, commands, runs
from activation.campaigns.audience import Policy
from activation.delivery import batches
from activation.delivery.batches import Claim
from activation.delivery.gate import Facts, Send, Skip, Suppression, Terms, decide
from activation.delivery.hours import hold_back
from tests.factories import engage as given
from tests.factories.engage import NOW
from tests.support.sending import reasons, resend

PEOPLE = 300
TOPIC, OTHER_TOPIC = 1, 2
REASONS = (
    "hard_bounce", "complaint", "unsubscribed_all", "unsubscribed_topic", "soft_bounce_run", "manual", "erased",
    "invalid_address", "provider_suppressed",
)  # fmt: skip


@dataclass
class Person:
    """What chance decided of one contact."""

    contact_id: int
    email: str | None
    flag: str
    is_excluded: bool
    counted: int
    old: int
    suppressions: list[tuple[str, bool, int | None, str]] = field(
        default_factory=list
    )  # reason, person?, topic, holds?
    words: list[tuple[int | None, str]] = field(default_factory=list)  # topic, status: oldest first, one a day
    flag_since: timedelta = timedelta(days=99)  # before NOW; the CRM said yes until then

    @property
    def status(self):
        return "missing" if self.email is None else "valid" if "@" in self.email else "invalid"

    def facts(self, terms, *, is_duplicate=False, at_claim=False):
        heard = [
            (spoken(age), status)
            for age, (topic, status) in enumerate(self.words)
            if topic is None or topic == terms.topic_id
        ]
        return Facts(
            begins=NOW,
            email_status="valid" if at_claim else self.status,
            is_excluded=self.is_excluded and not at_claim,
            suppressions=[
                Suppression(reason, person, topic)
                for reason, person, topic, holds in self.suppressions
                if holds == "yes"
            ],
            said=heard[-1][1] if heard else None,
            flag=self.flag,
            flag_is_newer=bool(heard) and NOW - self.flag_since > heard[-1][0],
            counted=self.counted,
            is_duplicate=is_duplicate,
        )


def people(chance, *, at_claim=False):
    for contact_id in range(1, PEOPLE + 1):
        email = f"c{contact_id}@mail.test.dev"
        if not at_claim and chance.random() < 0.3:
            email = chance.choice([None, "nonsense", f"C{chance.randint(1, PEOPLE)}@mail.test.dev"])
        yield Person(
            contact_id, email, chance.choice(["subscribed", "subscribed", "unknown", "unsubscribed"]),
            chance.random() < 0.1, chance.choice([0, 0, 1, 2, 3, 4]), chance.choice([0, 2]),
            [
                (reason, chance.random() < 0.5, chance.choice([TOPIC, OTHER_TOPIC]) if "topic" in reason else None,
                 chance.choice(["yes", "yes", "lifted", "over"]))
                for reason in chance.sample(REASONS, chance.choice([0, 0, 1, 2]))
            ],
            [
                (chance.choice([None, TOPIC, OTHER_TOPIC]), chance.choice(["subscribed", "unsubscribed"]))
                for _ in range(chance.choice([0, 0, 1, 2, 3]))
            ],
            timedelta(days=chance.choice([99, 10, 8.5, 7.5, 6.5, 1])),
        )  # fmt: skip


def spoken(age):
    return NOW - timedelta(days=9 - age)


def store(db, person):
    """What is known of a person beside their row."""
    for reason, binds_person, topic, holds in person.suppressions:
        db.execute(
            "insert into engage.suppressions (contact_id, channel, topic_id, address, reason, source, evidence, created_at, "
            "expires_at, lifted_at) values (%s, 'email', %s, %s, %s, 'test', '{}', %s, %s, %s) on conflict do nothing",
            [
                person.contact_id if binds_person else 0, topic, None if binds_person else (person.email or "").lower() or None,
                reason, NOW, NOW - timedelta(1) if holds == "over" else NOW + timedelta(1), NOW if holds == "lifted" else None,
            ],
        )  # fmt: skip
    for age, (topic, status) in enumerate(person.words):
        db.execute(
            "insert into engage.consent_records (contact_id, channel, topic_id, status, occurred_at, recorded_at, source, "
            "proof, recorded_by) values (%s, 'email', %s, %s, %s, %s, 'test', %s, 'test')",
            [person.contact_id, topic, status, spoken(age), NOW, Jsonb({})],
        )
    turned = NOW - person.flag_since
    for flag, begin, end in (("subscribed", NOW - timedelta(days=999), turned), (person.flag, turned, None)):
        given.add_contact_version(db, person.contact_id, flag, begin, end)
    for number in range(person.counted + person.old):
        sent_at = NOW - timedelta(hours=167 if number < person.counted else 169)
        db.execute(
            "insert into engage.campaign_messages (campaign_run_id, campaign_id, contact_id, step, channel, address, state, "
            "template_version_id, is_capped, next_attempt_at, created_at, state_changed_at, sent_at) "
            "values (0, 0, %s, %s, 'email', 'x', 'sent', 1, true, %s, %s, %s, %s)",
            [person.contact_id, number, sent_at, sent_at, sent_at, sent_at],
        )


def campaign_of(db, message_class, topic):
    given.build(db)
    given.add_template(db)
    for key in ("offers", "news"):
        db.execute(
            "insert into engage.topics (key, name, created_at, created_by) values (%s, %s, %s, 't')", [key, key, NOW]
        )
    given.add_segment(db, "everybody", list(range(1, PEOPLE + 1)))
    campaign = commands.create(
        db, name="Sale", segment="everybody", template="news", time_zone="UTC", actor="t", now=NOW
    )
    db.execute("update engage.campaigns set message_class = %s, topic_id = %s", [message_class, topic])
    commands.launch(db, "sale", now=NOW)
    db.commit()
    return commands.find(db, campaign.key)


def begun(db, campaign, unknown_counts):
    run_id = runs.plan(db, campaign.campaign_id, campaign.next_run_at, now=NOW)
    runs.snapshot(
        db, run_id, sender="a@b.dev", provider="resend", now=NOW, policy=Policy(unknown_consent_counts=unknown_counts)
    )
    runs.open_for_sending(db, now=NOW)
    db.commit()
    return run_id


def told(db, run_id):
    found = dict(
        db.execute(
            "select contact_id, coalesce(reason, state) from engage.campaign_messages where campaign_run_id = %s",
            [run_id],
        ).fetchall()
    )
    db.commit()
    return found


def word(decision, sent):
    return decision.reason if isinstance(decision, Skip) else sent


CASES = [
    ("marketing", TOPIC, False),
    ("marketing", TOPIC, True),
    ("marketing", None, False),
    ("transactional", None, False),
]


@pytest.mark.parametrize(("message_class", "topic", "unknown_counts"), CASES)
def test_the_snapshot_judges_everybody_as_the_gate_does(engage_db, message_class, topic, unknown_counts):
    everybody = list(people(random.Random(f"snapshot {message_class} {topic}")))
    campaign = campaign_of(engage_db, message_class, topic)
    for person in everybody:
        given.add_contact(engage_db, person.contact_id, person.email, consent=person.flag)
        store(engage_db, person)
    excluded = given.add_segment(engage_db, "excluded", [one.contact_id for one in everybody if one.is_excluded])
    engage_db.execute("update engage.campaigns set excluded_segment_ids = %s", [[excluded]])
    terms = Terms(
        NOW, NOW + timedelta(days=1), message_class=message_class, topic_id=topic, unknown_counts=unknown_counts,
    )  # fmt: skip

    run_id = begun(engage_db, campaign, unknown_counts)

    by_address, expected = Counter(), {}
    held = engage_db.execute(
        "select address, reason, topic_id from engage.suppressions where contact_id = 0 and lifted_at is null and expires_at > %s",
        [NOW],
    ).fetchall()
    for person in everybody:
        address = (person.email or "").lower()
        own = [one for one in person.suppressions if one[1]]
        person.suppressions = own + [
            (reason, False, its_topic, "yes") for bound, reason, its_topic in held if bound and bound == address
        ]
        permitted = decide(
            person.facts(Terms(NOW, terms.deadline_at, message_class, topic, None, unknown_counts)),
            Terms(NOW, terms.deadline_at, message_class, topic, None, unknown_counts),
        )
        expected[person.contact_id] = word(
            decide(person.facts(terms, is_duplicate=by_address[address] > 0), terms), "queued"
        )
        by_address[address] += isinstance(permitted, Send)
    assert told(engage_db, run_id) == expected
    assert len(set(expected.values())) >= (5 if message_class == "transactional" else 7)


@pytest.mark.parametrize(("message_class", "topic", "unknown_counts"), CASES)
def test_the_claim_judges_everybody_as_the_gate_does_of_what_changed_since(
    engage_db, engage_url, message_class, topic, unknown_counts
):
    everybody = list(people(random.Random(f"claim {message_class} {topic}"), at_claim=True))
    campaign = campaign_of(engage_db, message_class, topic)
    for person in everybody:
        given.add_contact(engage_db, person.contact_id)
    run_id = begun(engage_db, campaign, unknown_counts)
    assert set(told(engage_db, run_id).values()) == {"queued"}
    for person in everybody:
        engage_db.execute(
            "update core.contacts set email_consent = %s where contact_id = %s", [person.flag, person.contact_id]
        )
        store(engage_db, person)
    engage_db.commit()

    async def claim():
        db = await psycopg.AsyncConnection.connect(engage_url, autocommit=True, options="-c timezone=UTC")
        async with db:
            asked = Claim(
                run_id, "email", message_class == "marketing", "w", "o", unknown_consent_counts=unknown_counts
            )
            await batches.claim(db, asked, resend("http://127.0.0.1:9"), most=PEOPLE, now=NOW)

    asyncio.run(claim())

    terms = Terms(
        NOW, NOW + timedelta(days=1), message_class=message_class, topic_id=topic, unknown_counts=unknown_counts,
    )  # fmt: skip
    expected = {one.contact_id: word(decide(one.facts(terms, at_claim=True), terms), "claimed") for one in everybody}
    assert told(engage_db, run_id) == expected
    assert len(set(expected.values())) >= (2 if message_class == "transactional" else 4)


def test_a_hold_out_is_a_stable_share_and_another_one_for_another_campaign(engage_db):
    campaign = campaign_of(engage_db, "marketing", None)
    for contact_id in range(1, PEOPLE + 1):
        given.add_contact(engage_db, contact_id)
    engage_db.execute("update engage.campaigns set holdout_percent = 30")
    run_id = begun(engage_db, campaign, False)
    first = {one for one, reason in told(engage_db, run_id).items() if reason == "holdout"}

    again = {
        contact_id for contact_id, reason in rehearsed(engage_db, campaign.campaign_id).items() if reason == "holdout"
    }
    clone = commands.clone(engage_db, "sale", name="Other", actor="t", now=NOW)
    other = {
        contact_id for contact_id, reason in rehearsed(engage_db, clone.campaign_id).items() if reason == "holdout"
    }

    assert 0.2 * PEOPLE < len(first) < 0.4 * PEOPLE
    assert again == first
    assert 0.2 * PEOPLE < len(other) < 0.4 * PEOPLE
    assert 0.04 * PEOPLE < len(first & other) < 0.16 * PEOPLE


def rehearsed(db, campaign_id):
    with db.transaction(force_rollback=True):
        audience.rehearse(db, campaign_id, rules=audience.rules_of(db, campaign_id), policy=Policy(), now=NOW)
        return dict(db.execute("select contact_id, coalesce(reason, state) from rehearsal").fetchall())


def test_a_rehearsal_is_the_snapshot_row_by_row(engage_db):
    everybody = list(people(random.Random("rehearsal")))
    campaign = campaign_of(engage_db, "marketing", TOPIC)
    for person in everybody:
        given.add_contact(engage_db, person.contact_id, person.email, consent=person.flag)
        store(engage_db, person)
    engage_db.execute("update engage.campaigns set holdout_percent = 20, quiet_from = '09:00', quiet_until = '18:00'")
    columns = (
        "contact_id, address, state, reason, tokens::text, consent, is_capped, time_zone, next_attempt_at, hold_at"
    )
    with engage_db.transaction(force_rollback=True):
        rules = audience.rules_of(engage_db, campaign.campaign_id)
        audience.rehearse(engage_db, campaign.campaign_id, rules=rules, policy=Policy(), now=NOW)
        planned = engage_db.execute(f"select {columns} from rehearsal order by 1").fetchall()

    run_id = begun(engage_db, campaign, False)

    frozen = engage_db.execute(
        f"select {columns} from engage.campaign_messages where campaign_run_id = %s order by 1", [run_id]
    ).fetchall()
    assert planned == frozen
    assert {row[2] for row in frozen} == {"queued", "skipped"}


def test_permitted_hours_are_those_of_each_contacts_zone_and_of_the_workspace_where_none_is_known(engage_db):
    campaign = campaign_of(engage_db, "marketing", None)
    zones = {1: "Asia/Tokyo", 2: "America/New_York", 3: None, 4: "Nowhere/Land"}
    for contact_id, zone in zones.items():
        given.add_contact(engage_db, contact_id, time_zone=zone)
    engage_db.execute(
        "update engage.campaigns set quiet_from = '20:00', quiet_until = '08:00', deadline_minutes = 600"
    )  # NOW is 12:00 UTC: 21:00 in Tokyo, 07:00 in New York

    begun(engage_db, campaign, False)

    found = dict(
        engage_db.execute(
            "select contact_id, coalesce(reason, to_char(next_attempt_at, 'HH24:MI')) from engage.campaign_messages where contact_id < 5"
        ).fetchall()
    )
    engage_db.commit()
    assert found == {1: "quiet_hours_expired", 2: "13:00", 3: "12:00", 4: "12:00"}
    assert reasons(engage_db)[5] == "no_address"


def test_hours_that_are_edited_meanwhile_count_from_the_next_run_on(engage_db, engage_url):
    campaign = campaign_of(engage_db, "marketing", None)
    given.add_contact(engage_db, 1)
    engage_db.execute("update engage.campaigns set window_from = '09:00', window_until = '13:00'")  # NOW is 12:00 UTC
    run_id = begun(engage_db, campaign, False)
    engage_db.execute("update engage.campaigns set window_from = '20:00', window_until = '21:00'")
    engage_db.execute("update engage.campaign_runs set deadline_at = %s", [NOW + timedelta(days=9)])
    engage_db.commit()

    async def two_hours_later():
        db = await psycopg.AsyncConnection.connect(engage_url, autocommit=True, options="-c timezone=UTC")
        async with db:
            await hold_back(db, run_id, time_zone="UTC", now=NOW + timedelta(hours=2))

    asyncio.run(two_hours_later())

    waits = engage_db.execute(
        "select next_attempt_at, hold_at from engage.campaign_messages where contact_id = 1"
    ).fetchone()
    engage_db.commit()
    assert waits == (NOW + timedelta(hours=21), NOW + timedelta(hours=25))  # tomorrow from nine until one


def test_a_hold_out_is_exact_to_less_than_a_percent(engage_db):
    campaign = campaign_of(engage_db, "marketing", None)
    for contact_id in range(1, PEOPLE + 1):
        given.add_contact(engage_db, contact_id)
    engage_db.execute("update engage.campaigns set holdout_percent = 7.5")

    run_id = begun(engage_db, campaign, False)

    buckets = {
        one: int(hashlib.md5(f"holdout {campaign.campaign_id}:{one}".encode()).hexdigest()[:8], 16) % 10000
        for one in range(1, PEOPLE + 1)
    }
    held = {one for one, reason in told(engage_db, run_id).items() if reason == "holdout"}
    assert held == {one for one, bucket in buckets.items() if bucket < 750}
    assert (
        len({sum(bucket < most for bucket in buckets.values()) for most in (700, 750, 800)}) == 3
    )  # it tells them apart
