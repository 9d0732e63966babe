"""The newest decision wins, every one has its proof, and leaving is never forgotten."""

from datetime import timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activation.compliance import consent
from activation.compliance.preferences import preferences_of, save_preferences
from activation.errors import NotFound, Refused
from tests.factories import engage as given_engage
from tests.factories.engage import NOW, add_contact, add_contact_version, add_suppression, add_topic

PROOF = {"wording": "Send me the news", "ip": "198.51.100.7"}


@pytest.fixture(scope="module")
def url(cluster):
    """One database for the module: what a test does to it is rolled back."""
    with cluster.migrated_database() as url:
        with psycopg.connect(url, options="-c timezone=UTC") as db:
            given_engage.build(db)
            add_contact(db, 1)
        yield url


@pytest.fixture
def db(url):
    with psycopg.connect(url, options="-c timezone=UTC") as db:
        yield db
        db.rollback()


def at(hours):
    return NOW + timedelta(hours=hours)


def decide(
    db, status, *, contact_id=1, topic_id=None, hours=0, occurred=None, source="preference_centre", address=None
):
    consent.record(
        db, contact_id=contact_id, channel="email", topic_id=topic_id, status=status, source=source, proof=PROOF,
        actor="test", now=at(hours), occurred_at=None if occurred is None else at(occurred),
        address=address,
    )  # fmt: skip


def state(db, topic_id=None, contact_id=1, hours=1000):
    found = consent.state_of(db, contact_id, now=at(hours))
    return next(each for each in found if (each.channel, each.topic_id) == ("email", topic_id))


def held(db):
    rows = db.execute(
        "select contact_id, address, reason, topic_id from engage.suppressions where lifted_at is null order by 1, 3"
    )
    return rows.fetchall()


# -- decisions


@pytest.mark.parametrize("flag", ["subscribed", "unsubscribed", "unknown"])
def test_without_a_decision_the_flag_of_the_crm_says(db, flag):
    add_contact(db, 2, consent=flag)

    assert state(db, contact_id=2).status == flag


def test_unknown_allows_only_where_the_setting_says_so(db):
    add_contact(db, 2, consent="unknown")

    found = state(db, contact_id=2)

    assert (found.allows(unknown_counts=False), found.allows(unknown_counts=True)) == (False, True)


def test_a_decision_keeps_its_proof_and_its_times(db):
    decide(db, "subscribed", hours=5, occurred=2)

    (found,) = consent.history(db, 1)

    assert (found.status, found.proof, found.occurred_at, found.recorded_at) == ("subscribed", PROOF, at(2), at(5))


def test_leaving_suppresses_the_person_and_the_address(db):
    decide(db, "unsubscribed")

    assert held(db) == [(1, "c1@mail.test.dev", "unsubscribed_all", None)]


def test_a_newer_opt_in_lifts_an_older_unsubscription_and_says_why(db):
    decide(db, "unsubscribed", hours=1)
    decide(db, "subscribed", hours=2)

    lifted = db.execute("select lifted_at, lifted_by, lifted_because from engage.suppressions").fetchall()
    assert [(row[0], row[1]) for row in lifted] == [(at(2), "test")]
    assert "newer opt-in" in lifted[0][2]
    assert state(db).status == "subscribed"


def test_an_older_opt_in_recorded_late_lifts_nothing(db):
    decide(db, "unsubscribed", hours=5)
    decide(db, "subscribed", hours=6, occurred=3)

    assert state(db).status == "unsubscribed"
    assert len(held(db)) == 1


def test_leaving_again_holds_again(db):
    for hours, status in enumerate(["unsubscribed", "subscribed", "unsubscribed"]):
        decide(db, status, hours=hours)

    assert len(held(db)) == 1
    assert state(db).status == "unsubscribed"


def test_an_opt_in_lifts_no_complaint(db):
    add_suppression(db, "complaint", contact_id=1)
    decide(db, "subscribed", hours=9)

    found = state(db)

    assert (found.status, found.held_by) == ("subscribed", "complaint")
    assert not found.allows(unknown_counts=True)


def test_leaving_a_topic_leaves_the_others(db):
    offers, news = add_topic(db, "offers"), add_topic(db, "news")
    decide(db, "unsubscribed", topic_id=offers)

    assert [state(db, topic).status for topic in (offers, news, None)] == ["unsubscribed", "subscribed", "subscribed"]
    assert held(db) == [(1, "c1@mail.test.dev", "unsubscribed_topic", offers)]


def test_a_new_topic_mails_nobody_who_left_everything(db):
    decide(db, "unsubscribed")

    new = add_topic(db, "new")

    assert state(db, new).status == "unsubscribed"


def test_choosing_a_topic_after_a_provider_said_that_they_left_opens_that_topic_alone(db):
    offers = add_topic(db, "offers")
    add_suppression(db, "unsubscribed_all", contact_id=1)  # no record of ours behind it
    decide(db, "subscribed", topic_id=offers, hours=1)

    new = add_topic(db, "new")

    assert [state(db, topic).status for topic in (offers, None, new)] == ["subscribed", "unsubscribed", "unsubscribed"]


def test_an_opt_in_at_a_shared_address_opens_the_mailbox_for_that_person_alone(db):
    add_contact(db, 2, "c1@mail.test.dev")
    decide(db, "unsubscribed", contact_id=2)
    assert state(db).status == "unsubscribed"

    decide(db, "subscribed", hours=1)

    assert (state(db).status, state(db, contact_id=2).status) == ("subscribed", "unsubscribed")


def test_leaving_from_an_old_mail_holds_its_mailbox_too_and_coming_back_opens_both(db):
    add_contact(db, 2, "old@mail.test.dev")
    for hours in (0, 1):
        decide(db, "unsubscribed", address="old@mail.test.dev", hours=hours)

    assert sorted(address for _, address, *_ in held(db)) == ["c1@mail.test.dev", "old@mail.test.dev"]
    assert [state(db, contact_id=contact).status for contact in (1, 2)] == ["unsubscribed", "unsubscribed"]

    decide(db, "subscribed", hours=2)
    assert held(db) == []


def test_an_opt_in_from_an_old_mail_opens_its_mailbox_too(db):
    add_suppression(db, "unsubscribed_all", contact_id=0, address="old@mail.test.dev")
    decide(db, "subscribed", address="old@mail.test.dev", hours=1)

    assert held(db) == []


@pytest.mark.parametrize("address", ["c1@mail.test.dev", "", None])
def test_the_address_of_today_is_suppressed_once(db, address):
    decide(db, "unsubscribed", address=address)

    assert held(db) == [(1, "c1@mail.test.dev", "unsubscribed_all", None)]


def test_a_person_without_any_address_is_held_all_the_same(db):
    add_contact(db, 2)
    db.execute("update core.contacts set email = null where contact_id = 2")
    decide(db, "unsubscribed", contact_id=2)

    assert held(db) == [(2, None, "unsubscribed_all", None)]


def test_deleting_a_contact_forgets_no_unsubscription(db):
    decide(db, "unsubscribed")
    db.execute("delete from core.contacts where contact_id = 1")
    add_contact(db, 77, "c1@mail.test.dev")  # the same person, entered again

    assert state(db, contact_id=77).status == "unsubscribed"


def test_who_was_entered_again_and_ticks_one_topic_opens_that_topic_alone(db):
    offers, news = add_topic(db, "offers"), add_topic(db, "news")
    decide(db, "unsubscribed")
    add_suppression(db, "unsubscribed_all", contact_id=2, address="c1@mail.test.dev")  # what is lifted may be several
    db.execute("delete from core.contacts where contact_id = 1")
    add_contact(db, 77, "c1@mail.test.dev")
    decide(db, "subscribed", contact_id=77, topic_id=offers, hours=1)

    new = add_topic(db, "new")

    assert [state(db, topic, contact_id=77).status for topic in (offers, news, new, None)] == [
        "subscribed", "unsubscribed", "unsubscribed", "unsubscribed",
    ]  # fmt: skip
    assert [(said.topic, said.status) for said in consent.history(db, 77)] == [
        ("offers", "subscribed"), (None, "unsubscribed"),
    ]  # fmt: skip


def test_a_bounced_address_holds_nothing_once_the_person_has_another(db):
    add_suppression(db, "hard_bounce", contact_id=1, address="old@mail.test.dev")

    assert state(db).held_by is None


@pytest.mark.parametrize(("expires", "reason"), [(999, None), (1001, "soft_bounce_run")])
def test_a_run_of_soft_bounces_holds_until_it_expires(db, expires, reason):
    add_suppression(db, "soft_bounce_run", contact_id=1, address="c1@mail.test.dev", expires_at=at(expires))

    assert state(db).held_by == reason


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"channel": "fax"}, "choose email"),
        ({"contact_id": 0}, "give a contact"),
        ({"topic_id": 99}, "no topic number 99"),
        ({"status": "maybe"}, "subscribed or unsubscribed"),
        ({"source": " "}, "where the decision comes from"),
        ({"proof": {}}, "needs its proof"),
        ({"occurred_at": at(1)}, "in the future"),
    ],
)
def test_what_cannot_be_a_decision_is_refused(db, wrong, words):
    decision = {
        "contact_id": 1, "channel": "email", "topic_id": None, "status": "subscribed", "source": "test", "proof": PROOF,
        "actor": "test", "now": NOW,
    }  # fmt: skip

    with pytest.raises(Refused, match=words):
        consent.record(db, **{**decision, **wrong})


# -- a flag of the CRM that turns later


def test_a_flag_that_turned_to_no_after_the_opt_in_overrules_it(db):
    add_contact(db, 2, consent="unsubscribed")
    add_contact_version(db, 2, "subscribed", at(0), at(5))
    add_contact_version(db, 2, "unsubscribed", at(5))
    decide(db, "subscribed", contact_id=2, hours=3)

    found = state(db, contact_id=2)

    assert (found.status, found.decided_by, found.decided_at, found.source) == ("unsubscribed", "crm", at(5), None)
    decide(db, "subscribed", contact_id=2, hours=6)
    assert (state(db, contact_id=2).status, state(db, contact_id=2).decided_by) == ("subscribed", "record")


def test_an_opt_in_stands_against_a_no_that_the_crm_had_said_before_whatever_else_changes_there(db):
    add_contact(db, 2, consent="unsubscribed")
    add_contact_version(db, 2, "unsubscribed", at(0), at(4))  # then the person moved to another city
    add_contact_version(db, 2, "unsubscribed", at(4))

    decide(db, "subscribed", contact_id=2, hours=3)

    assert state(db, contact_id=2).status == "subscribed"


def test_a_no_that_came_back_after_the_opt_in_overrules_it(db):
    add_contact(db, 2, consent="unsubscribed")
    for flag, begin, end in (("unsubscribed", 0, 4), ("subscribed", 4, 6), ("unsubscribed", 6, None)):
        add_contact_version(db, 2, flag, at(begin), None if end is None else at(end))

    decide(db, "subscribed", contact_id=2, hours=3)

    assert state(db, contact_id=2).status == "unsubscribed"


def test_a_no_that_the_history_does_not_know_yet_is_the_newer_word(db):
    add_contact(db, 2, consent="unsubscribed")  # the build has written the contact, its history follows
    add_contact_version(db, 2, "subscribed", at(0))

    decide(db, "subscribed", contact_id=2, hours=3)

    found = state(db, contact_id=2)
    assert (found.status, found.decided_by, found.decided_at) == ("unsubscribed", "crm", None)


def test_a_yes_in_the_crm_never_overrules_that_somebody_left_here(db):
    add_contact(db, 2, consent="subscribed")
    add_contact_version(db, 2, "unsubscribed", at(0), at(5))
    add_contact_version(db, 2, "subscribed", at(5))
    decide(db, "unsubscribed", contact_id=2, hours=3)

    assert state(db, contact_id=2).status == "unsubscribed"


# -- the rule against the obvious evaluation, over random histories

TOPICS = 2
times = st.integers(0, 12)
decisions = st.tuples(st.sampled_from([None, 0, 1]), st.sampled_from(["subscribed", "unsubscribed"]), times, times)
provider_left = st.tuples(st.just("provider"), st.just("unsubscribed"), st.just(0), times)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    flag=st.sampled_from(["subscribed", "unsubscribed", "unknown"]),
    flag_turned=st.integers(-1, 12),
    history=st.lists(st.one_of(decisions, provider_left), max_size=9),
)
def test_the_newest_decision_about_the_topic_or_the_channel_is_the_state(db, flag, flag_turned, history):
    with db.transaction(force_rollback=True):
        topics = [add_topic(db, f"topic{number}") for number in range(TOPICS)]
        add_contact(db, 5, consent=flag)
        add_contact_version(db, 5, flag, at(flag_turned))
        told: list[tuple[int | None, str, int, int, int]] = []
        for number, (topic, status, back, gap) in enumerate(history):
            moment = (told[-1][3] if told else 0) + gap  # the clock goes on
            if topic == "provider":
                if not any(each[0] is None and each[1] == "unsubscribed" for each in told):
                    add_suppression(db, "unsubscribed_all", contact_id=5, at=at(moment))
                    told.append((None, status, moment, moment, number))
                continue
            topic_id = None if topic is None else topics[topic]
            occurred = max(0, moment - back)
            decide(db, status, contact_id=5, topic_id=topic_id, hours=moment, occurred=occurred)
            told.append((topic_id, status, occurred, moment, number))

        for scope in (None, *topics):
            about = [each for each in told if each[0] in (None, scope)]
            _, expected, occurred, *_ = max(about, key=lambda each: (each[2], each[4]), default=(None, flag, -1))
            if flag == "unsubscribed" and flag_turned > occurred:
                expected = flag
            assert state(db, scope, contact_id=5).status == expected


# -- the preference centre


def wishes(db, contact_id=1):
    channel = preferences_of(db, contact_id).channel("email")
    return channel.subscribed, {topic.key: topic.subscribed for topic in channel.topics}


def save(db, *topics, off=False, hours=1):
    return save_preferences(
        db, 1, channel="email", subscribed_topics=set(topics), everything_off=off, proof=PROOF, now=at(hours)
    )


def test_the_preference_centre_shows_topics_in_use_with_their_words(db):
    add_topic(db, "offers")
    add_topic(db, "retired", active=False)

    (channel,) = preferences_of(db, 1).channels

    assert [(topic.key, topic.name, topic.description, topic.subscribed) for topic in channel.topics] == [
        ("offers", "Offers", "All about offers.", True)
    ]


def test_only_what_changed_is_recorded_and_saving_again_records_nothing(db):
    for key in ("offers", "news"):
        add_topic(db, key)

    first, second = save(db, "news"), save(db, "news", hours=2)

    assert (first, second) == ([("offers", "unsubscribed")], [])
    assert wishes(db) == (True, {"offers": False, "news": True})


def test_everything_off_is_one_decision_and_idempotent(db):
    add_topic(db, "offers")

    first, second = save(db, off=True), save(db, off=True, hours=2)

    assert (first, second) == ([(None, "unsubscribed")], [])
    assert preferences_of(db, 1).channel("email").everything_off


def test_a_topic_chosen_after_everything_was_off_opens_that_topic_alone(db):
    for key in ("offers", "news"):
        add_topic(db, key)
    save(db, off=True)

    save(db, "offers", hours=2)

    assert wishes(db) == (False, {"offers": True, "news": False})


def test_without_topics_the_channel_itself_is_chosen(db):
    save(db, off=True)

    assert save(db, hours=2) == [(None, "subscribed")]
    assert wishes(db) == (True, {})


def test_a_choice_is_recorded_where_nothing_was_known_since_unknown_may_count(db):
    add_contact(db, 2, consent="unknown")
    add_topic(db, "offers")
    arguments = {"channel": "email", "subscribed_topics": set(), "proof": PROOF, "now": NOW}

    assert save_preferences(db, 2, everything_off=False, **arguments) == [("offers", "unsubscribed")]
    assert preferences_of(db, 2, unknown_counts=True).channel("email").subscribed


def test_a_complaint_is_shown_as_what_blocks(db):
    add_suppression(db, "complaint", contact_id=1)

    assert preferences_of(db, 1).channel("email").blocked == "complaint"


def test_a_topic_that_is_not_in_use_is_refused(db):
    add_topic(db, "retired", active=False)

    with pytest.raises(NotFound, match="no topic retired"):
        save(db, "retired")


def test_two_decisions_at_once_follow_one_another(db, url):
    decide(db, "unsubscribed", hours=1)
    with psycopg.connect(url) as other:
        other.execute("set lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            decide(other, "subscribed", hours=2)
