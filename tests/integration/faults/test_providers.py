"""Providers that slow down, fail, lie and forget. Rows 23-29, 59, 62 of the faults."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import orjson
import pytest

from activation.campaigns import commands, runs
from activation.channels.contract import Accepted, Cause, ContentRefused, NotProcessed, OutcomeUnknown, Refused
from activation.delivery import dead_letters, lane, outcomes, send
from activation.delivery.send import deliver
from tests.factories import engage as given
from tests.factories.engage import NOW
from tests.support.installation import wait_for
from tests.support.sending import (
    assert_counted,
    assert_one_body_per_key,
    begin,
    delivery_of,
    expire_leases,
    reasons,
    resend,
)

DOWN = "http://127.0.0.1:9"


@pytest.fixture
def impatient(monkeypatch):
    """A delivery ends rather than wait for a retry, so that a test can move the clock to it."""
    monkeypatch.setattr(lane, "PATIENCE", timedelta())


def attempts(db):
    found = db.execute("select attempts from engage.send_batches order by batch_id").fetchall()
    db.commit()
    return [row[0] for row in found]


def test_a_429_is_waited_out_by_everybody_and_slows_all_down(engage_db, engage_url, provider, clock):
    """Row 23: two processes' worth of lanes on one run; after the answer nobody asks before its time."""
    begin(engage_db, 600)
    provider.fault("rate_limited", retry_after=2)

    deliver(delivery_of(engage_url, resend(provider.url, rate=20), clock=clock))

    requests = provider.requests()
    refused = next(request["at"] for request in requests if request["status"] == 429)
    already_out = 0.3  # seconds in which a request that was on its way may still arrive
    assert not [one for one in requests if refused + already_out < one["at"] < refused + 1.9]
    rate = engage_db.execute("select rate from engage.send_quotas where quota = 'provider/resend'").fetchone()[0]
    assert rate == pytest.approx(16)
    assert given.states(engage_db) == {"sent": 600}
    assert set(attempts(engage_db)) == {1}
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)


def test_a_429_from_a_provider_without_a_pace_does_not_give_it_one(engage_db, engage_url, provider, clock):
    begin(engage_db, 600)
    provider.fault("rate_limited", retry_after=1)

    deliver(delivery_of(engage_url, resend(provider.url, requests_per_second=None), clock=clock))

    assert engage_db.execute("select rate from engage.send_quotas where quota = 'provider/resend'").fetchone() == (
        None,
    )
    assert given.states(engage_db) == {"sent": 600}
    assert_counted(engage_db, provider)


@pytest.mark.parametrize("by", ["another provider", "cancelling"])
def test_a_batch_that_was_asked_to_wait_leaves_another_way_when_its_provider_is_switched_off(
    engage_db, engage_url, provider, clock, by
):
    begin(engage_db, 100)
    provider.fault("rate_limited", retry_after=3600)
    first, second = resend(provider.url), resend(provider.url, name="second")
    deliver(delivery_of(engage_url, first, clock=clock))
    assert given.states(engage_db) == {"claimed": 100}
    engage_db.execute("update engage.channel_providers set daily_limit = 1000 where provider = 'resend'")
    engage_db.execute(
        "update engage.send_quotas set used_today = 100, day = (%s at time zone 'UTC')::date where quota = 'provider/resend'",
        [clock()],
    )

    if by == "cancelling":
        commands.cancel(engage_db, "sale", now=NOW)
    engage_db.execute("update engage.channel_providers set is_active = false where provider = 'resend'")
    engage_db.commit()
    deliver(delivery_of(engage_url, first, second, clock=clock))

    assert given.states(engage_db) == ({"cancelled": 100} if by == "cancelling" else {"sent": 100})
    assert provider.counts()["mails"] == (0 if by == "cancelling" else 100)
    assert engage_db.execute(
        "select used_today from engage.send_quotas where quota = 'provider/resend'"
    ).fetchone() == (0,)


def test_mails_that_were_not_processed_do_not_count_towards_the_providers_day(engage_db, engage_url, provider, clock):
    begin(engage_db, 500)
    down = resend(DOWN)
    deliver(delivery_of(engage_url, down, clock=clock))  # gives the provider its place
    engage_db.execute("update engage.channel_providers set daily_limit = 600 where provider = 'resend'")
    engage_db.commit()
    for _ in range(4):
        clock.ahead += timedelta(minutes=1)
        deliver(delivery_of(engage_url, down, clock=clock))
    clock.ahead += timedelta(minutes=1)
    deliver(delivery_of(engage_url, resend(provider.url), clock=clock))

    assert given.states(engage_db) == {"sent": 500}
    assert engage_db.execute(
        "select used_today from engage.send_quotas where quota = 'provider/resend'"
    ).fetchone() == (500,)
    assert_counted(engage_db, provider)


def test_a_provider_that_asks_for_a_long_break_is_left_alone_and_rows_stay_queued(
    engage_db, engage_url, provider, clock
):
    """Row 23: nobody sits and waits for an hour."""
    begin(engage_db, 250)
    provider.fault("rate_limited", retry_after=3600)

    report = deliver(delivery_of(engage_url, resend(provider.url), clock=clock))

    assert "resend asked for a break until" in report.problems["sale"]
    assert given.states(engage_db).get("failed") is None
    assert_counted(engage_db, provider)
    clock.ahead = timedelta(seconds=3601)
    deliver(delivery_of(engage_url, resend(provider.url), clock=clock))
    assert given.states(engage_db) == {"sent": 250}
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)


def test_a_used_up_quota_opens_the_breaker_and_keeps_everybody_queued(engage_db, provider, delivery, clock):
    """Row 23."""
    begin(engage_db, 300)
    provider.fault("quota", times=None)

    report = deliver(delivery)

    assert "daily_quota_exceeded" in report.problems["sale"]
    assert given.states(engage_db) == {"queued": 300}
    state = engage_db.execute("select state from engage.provider_health where provider = 'resend'").fetchone()
    engage_db.commit()
    assert state == ("open",)
    provider.clear_faults()
    asked = len(provider.requests())
    deliver(delivery)
    assert len(provider.requests()) == asked

    clock.ahead = timedelta(hours=1, seconds=1)
    deliver(delivery)
    assert given.states(engage_db) == {"sent": 300}
    assert_counted(engage_db, provider)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 503},
        {"kind": "html_page"},
        {"kind": "empty_body"},
        {"kind": "slow_drip", "seconds": 20},
    ],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
@pytest.mark.usefixtures("impatient")
def test_an_unknown_outcome_is_asked_again_after_1_5_30_and_300_seconds_then_it_is_dead(
    engage_db, engage_url, provider, clock, fault
):
    """Row 24: same key, same bytes, and the provider's words kept."""
    begin(engage_db, 3)
    provider.fault(**fault, times=None)
    delivery = delivery_of(engage_url, resend(provider.url, timeout=0.5), clock=clock)
    pauses = []

    for _ in range(5):
        deliver(delivery)
        due, at = engage_db.execute("select next_attempt_at, state from engage.send_batches").fetchone()
        engage_db.commit()
        if at == "frozen":
            pauses.append(round((due - clock()).total_seconds()))
            clock.ahead += due - clock()

    assert [pytest.approx(pause, abs=1) for pause in (1, 5, 30, 300)] == pauses
    assert given.states(engage_db) == {"dead": 3}
    assert len(provider.requests()) == 5
    letter = dead_letters.list_dead(engage_db)[0]
    engage_db.commit()
    assert letter.attempts == 5
    assert letter.words
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)


@pytest.mark.parametrize("position", [0, 42, 99])
def test_one_bad_mail_of_a_hundred_fails_with_the_providers_words_and_the_others_get_their_own_ids(
    engage_db, provider, delivery, position
):
    """Row 25, strict: Resend does not say which; it is found by halving."""
    begin(engage_db, 100)
    engage_db.execute(
        "update engage.campaign_messages set address = 'ada@test.com' where message_id = "
        "(select message_id from engage.campaign_messages order by message_id offset %s limit 1)",
        [position],
    )
    engage_db.commit()

    deliver(delivery)

    assert given.states(engage_db) == {"sent": 99, "failed": 1}
    rows = engage_db.execute("select address, provider_message_id, reason_detail, state from engage.campaign_messages")
    ids = {mail["id"]: mail["to"][0] for mail in provider.mails()}
    for address, identifier, words, state in rows.fetchall():
        assert (ids[identifier] == address) if state == "sent" else ("Resend 422" in words)
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)


class Told:
    """A provider that says which mail of a batch it refuses: the first time whole (strict), or that one alone (permissive)."""

    name = "told"
    channel = "email"

    def __init__(self, real, bad, *, strict=True, off=0):
        self.real, self.bad, self.strict, self.off = real, bad, strict, off
        self.limits = real.limits
        self.calls = 0

    def encode(self, mails):
        return self.real.encode(mails)

    async def send(self, body, *, size, idempotency_key):
        self.calls += 1
        mails = orjson.loads(body)
        bad = next((place for place, mail in enumerate(mails) if mail["to"] == [self.bad]), None)
        if bad is None:
            return await self.real.send(body, size=size, idempotency_key=idempotency_key)
        if self.strict:
            return ContentRefused("told 422: no such mailbox", bad + self.off)
        answer = await self.real.send(
            orjson.dumps(mails[:bad] + mails[bad + 1 :]), size=size - 1, idempotency_key=idempotency_key
        )
        return Accepted([*answer.results[:bad], Refused("told 422: no such mailbox"), *answer.results[bad:]])

    async def close(self):
        await self.real.close()


@pytest.mark.parametrize(("strict", "off"), [(True, 0), (True, 5000), (False, 0)], ids=["strict", "nonsense", "mixed"])
def test_a_provider_that_names_the_bad_mail_loses_that_one_alone(engage_db, engage_url, provider, clock, strict, off):
    """Row 25: refused by position, by a position that cannot be, and one by one (permissive)."""
    begin(engage_db, 100)
    channel = Told(resend(provider.url), "c7@mail.test.dev", strict=strict, off=off)

    deliver(delivery_of(engage_url, channel, clock=clock))

    assert given.states(engage_db) == {"sent": 99, "failed": 1}
    assert reasons(engage_db)[7] == "refused by the provider"
    assert_counted(engage_db, provider)
    assert channel.calls <= 20


class Halting(Told):
    """A provider that takes the first mails of its first batch and leaves the rest: its credits have ended."""

    async def send(self, body, *, size, idempotency_key):
        self.calls += 1
        taken = self.bad if self.calls == 1 else size
        mails = orjson.loads(body)[:taken]
        answer = await self.real.send(orjson.dumps(mails), size=taken, idempotency_key=idempotency_key)
        halted = NotProcessed(Cause.QUOTA, "told 405: out of credits", retry_after=30)
        return Accepted([*answer.results, *[halted] * (size - taken)])


def test_what_a_provider_leaves_when_its_credits_end_amid_a_batch_leaves_later_and_once(
    engage_db, engage_url, provider, clock
):
    """Row 29, in the middle of a batch: nobody is marked failed, the breaker opens, the rest goes when it closes."""
    begin(engage_db, 250)
    channel = Halting(resend(provider.url), 40)
    delivery = delivery_of(engage_url, channel, clock=clock, lanes=1)

    deliver(delivery)

    breaker = engage_db.execute("select state, reason from engage.provider_health where provider = 'told'").fetchone()
    assert breaker == ("open", "told 405: out of credits")
    states = given.states(engage_db)
    assert states["sent"] < 250
    assert set(states) == {"sent", "queued"}

    clock.ahead = timedelta(seconds=31)
    deliver(delivery)

    assert given.states(engage_db) == {"sent": 250}
    assert sorted(to for mail in provider.mails() for to in mail["to"]) == sorted(
        f"c{number}@mail.test.dev" for number in range(1, 251)
    )
    assert_counted(engage_db, provider)


def test_a_409_in_flight_is_waited_for_under_the_same_key_and_costs_no_attempt(engage_db, provider, delivery):
    """Row 26."""
    begin(engage_db, 20)
    provider.fault("status", status=409, name="concurrent_idempotent_requests", times=6)

    deliver(delivery)

    assert given.states(engage_db) == {"sent": 20}
    assert len(provider.requests()) == 7
    assert max(attempts(engage_db)) <= 2
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)


def test_a_409_with_another_payload_is_parked_the_run_stops_and_the_key_is_never_changed(
    engage_db, provider, delivery, clock
):
    """Row 26: parked, and a person is told."""
    begin(engage_db, 250)
    provider.fault("status", status=409, name="invalid_idempotent_request", times=1)

    deliver(delivery)

    states = given.states(engage_db)
    assert states["unknown"] in (50, 100)
    assert sum(states.values()) == 250
    campaign = commands.find(engage_db, "sale")
    assert campaign.state == "stopped_by_guard"
    assert "a batch was parked" in campaign.state_reason
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)

    engage_db.execute("update engage.channel_providers set unknown_policy = 'send_again'")
    assert dead_letters.settle_unknown(engage_db, now=clock() + timedelta(hours=49)) == {}, "only a person settles that"

    commands.resume(engage_db, "sale", now=NOW)
    assert runs.open_for_sending(engage_db, now=NOW) == []
    engage_db.commit()
    deliver(delivery)
    assert given.states(engage_db) == {"unknown": states["unknown"], "sent": 250 - states["unknown"]}
    assert_one_body_per_key(provider)


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_a_refused_key_in_the_middle_halts_the_channel_and_burns_nobody(engage_db, engage_url, provider, clock, status):
    """Row 27: the fault begins after some batches were sent."""
    begin(engage_db, 400)
    provider.fault("status", status=status, name="restricted", times=None, match={"recipient": "c250@*"})

    report = deliver(delivery_of(engage_url, resend(provider.url, batch_size=20), clock=clock, lanes=1))

    states = given.states(engage_db)
    assert f"Resend {status}" in report.problems["sale"]
    assert states["queued"] >= 20
    assert set(states) <= {"sent", "queued"}
    assert_counted(engage_db, provider)

    provider.clear_faults()
    clock.ahead = timedelta(minutes=2)
    assert deliver(delivery_of(engage_url, resend(provider.url, batch_size=20), clock=clock)).problems == {}
    assert given.states(engage_db) == {"sent": 400}
    assert_counted(engage_db, provider)


def test_when_the_first_provider_is_down_what_was_never_attempted_goes_to_the_second(
    engage_db, engage_url, second, clock
):
    """Row 28: A cannot be reached."""
    begin(engage_db, 300)

    report = deliver(delivery_of(engage_url, resend(DOWN), resend(second.url, name="second"), clock=clock))

    assert report.problems == {}
    assert given.states(engage_db) == {"sent": 300}
    assert engage_db.execute("select distinct provider from engage.campaign_messages").fetchall() == [("second",)]
    assert_counted(engage_db, second)
    assert_one_body_per_key(second)


@pytest.mark.usefixtures("impatient")
def test_what_the_first_provider_may_have_taken_stays_with_it_while_the_rest_moves(
    engage_db, engage_url, provider, second, clock
):
    """Row 28: A takes batches and loses its answers, its breaker opens, B is well."""
    begin(engage_db, 1000)
    provider.fault("accept_then_cut", times=None)
    delivery = delivery_of(
        engage_url, resend(provider.url, batch_size=20, rate=20), resend(second.url, name="second", batch_size=20),
        clock=clock, lanes=1,
    )  # fmt: skip

    for _ in range(3):
        deliver(delivery)

    by_provider = dict(
        engage_db.execute("select provider, count(*) from engage.campaign_messages group by 1").fetchall()
    )
    engage_db.commit()
    assert by_provider["second"] > 0
    assert given.states(engage_db) == {"claimed": by_provider["resend"], "sent": by_provider["second"]}
    assert_counted(engage_db, provider, second)

    provider.clear_faults()
    clock.ahead = timedelta(minutes=1)
    for _ in range(3):
        deliver(delivery)
    assert given.states(engage_db) == {"sent": 1000}
    assert_counted(engage_db, provider, second)
    assert_one_body_per_key(provider, second)


@pytest.mark.usefixtures("impatient")
def test_a_key_the_provider_may_have_forgotten_is_never_used_again(engage_db, provider, delivery, clock):
    """Row 29: more than a day between two attempts."""
    begin(engage_db, 5)
    provider.fault("accept_then_cut", times=None)
    deliver(delivery)
    provider.clear_faults()
    provider.advance(25 * 3600)
    clock.ahead = timedelta(hours=25)

    deliver(delivery)

    assert given.states(engage_db) == {"unknown": 5}
    assert len(provider.requests()) == 1
    assert_counted(engage_db, provider)


@pytest.mark.usefixtures("impatient")
def test_a_batch_whose_provider_never_comes_back_is_parked_when_its_key_is_too_old(
    engage_db, engage_url, provider, second, clock
):
    """Row 29: A took it, lost its answer and is gone for good; the run comes to an end all the same."""
    begin(engage_db, 5)
    provider.fault("accept_then_cut", times=None)
    deliver(delivery_of(engage_url, resend(provider.url), clock=clock))
    clock.ahead = timedelta(hours=24)

    deliver(delivery_of(engage_url, resend(second.url, name="second"), clock=clock))

    assert given.states(engage_db) == {"unknown": 5}
    assert second.mails() == []
    assert runs.finish(engage_db, now=clock()) == ["sale"]
    assert_counted(engage_db, provider, second)


@pytest.mark.usefixtures("impatient")
def test_dead_letters_go_again_under_their_key_while_it_is_young(engage_db, provider, delivery, clock):
    """Row 59, the path of a person's requeue."""
    begin(engage_db, 5)
    provider.fault("accept_then_cut", times=None)
    for _ in range(5):
        deliver(delivery)
        clock.ahead += timedelta(minutes=7)
    assert given.states(engage_db) == {"dead": 5}
    assert runs.finish(engage_db, now=clock()) == ["sale"]
    provider.clear_faults()
    dead = [letter.message_id for letter in dead_letters.list_dead(engage_db)]

    report = dead_letters.requeue(engage_db, dead[:2], actor="ada", now=clock())
    engage_db.commit()
    deliver(delivery)

    assert (report.same_key, report.new_key, report.refused) == (5, 0, {})
    assert given.states(engage_db) == {"sent": 5}
    assert runs.finish(engage_db, now=clock()) == ["sale"]
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)


@pytest.mark.usefixtures("impatient")
def test_dead_letters_with_an_old_key_go_again_only_at_a_persons_word_and_never_for_a_cancelled_campaign(
    engage_db, provider, delivery, clock
):
    begin(engage_db, 4)
    provider.fault("status", status=500, times=None)
    for _ in range(5):
        deliver(delivery)
        clock.ahead += timedelta(minutes=7)
    provider.clear_faults()
    clock.ahead = timedelta(hours=30)
    dead = [letter.message_id for letter in dead_letters.list_dead(engage_db)]

    refused = dead_letters.requeue(engage_db, [*dead, 10**9], actor="ada", now=clock())
    assert refused.requeued == 0
    assert set(refused.refused) == {*dead, 10**9}
    accepted = dead_letters.requeue(engage_db, dead[:2], actor="ada", now=clock(), accept_doubles=True)
    engage_db.commit()
    deliver(delivery)
    assert accepted.new_key == 2
    assert given.states(engage_db) == {"sent": 2, "dead": 2}
    assert len(provider.mails()) == 2

    commands.cancel(engage_db, "sale", now=clock())
    late = dead_letters.requeue(engage_db, dead, actor="ada", now=clock(), accept_doubles=True)
    engage_db.commit()
    assert late.requeued == 0
    assert given.states(engage_db) == {"sent": 2, "dead": 2}


def test_every_path_carries_one_key_and_one_body_per_batch(engage_db, provider, senders):
    """Row 59: fresh batches, retries, a takeover after a kill, a resume after a pause; each strict and under a key."""
    begin(engage_db, 400)
    provider.fault("status", status=500)
    provider.fault("truncate", times=2)
    senders.kill_at("answered", batch_size=50)
    commands.pause(engage_db, "sale", now=NOW)
    engage_db.commit()
    expire_leases(engage_db)
    senders.run(batch_size=50)
    commands.resume(engage_db, "sale", now=NOW)
    engage_db.commit()
    expire_leases(engage_db)

    senders.run(batch_size=50)

    assert given.states(engage_db) == {"sent": 400}
    keys = [request["idempotency_key"] for request in provider.requests()]
    stored = dict(engage_db.execute("select idempotency_key, body_sha256 from engage.send_batches").fetchall())
    assert len(keys) > len(set(keys))
    assert {one["sha256"] == stored[one["idempotency_key"]] for one in provider.requests()} == {True}
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)


@pytest.mark.parametrize("write_every", [0.2, 60.0], ids=["as they come", "when told to end"])
def test_what_was_accepted_is_written_down_though_another_call_hangs(
    engage_db, engage_url, provider, clock, monkeypatch, write_every
):
    """Without keys, what is not written down within its lease would be unknown."""
    monkeypatch.setattr(lane, "WRITE_EVERY", write_every)
    monkeypatch.setattr(send, "DRAIN", timedelta(seconds=0.5))
    begin(engage_db, 40)
    channel = resend(provider.url, batch_size=1, key_seconds=0)
    reaches, hangs = channel.send, []

    async def hang_once(body, **how):
        if not hangs:
            hangs.append(body)
            await asyncio.sleep(60)
        return await reaches(body, **how)

    monkeypatch.setattr(channel, "send", hang_once)
    delivery = delivery_of(engage_url, channel, clock=clock)
    with ThreadPoolExecutor(1) as one:
        working = one.submit(deliver, delivery)
        wait_for(lambda: provider.counts()["mails"] == 39, seconds=30, what="39 mails")
        if write_every < 1:
            wait_for(lambda: given.states(engage_db).get("sent") == 39, seconds=5, what="39 answers written down")
        delivery.stop.set()
        working.result(20)

    assert given.states(engage_db) == {"sent": 39, "claimed": 1}


def test_a_provider_without_keys_that_loses_its_answer_is_asked_once(engage_db, engage_url, provider, clock):
    """Row 62: unknown, no retry on the wire, and by policy sent after 48 hours."""
    begin(engage_db, 40)
    provider.fault("accept_then_cut", times=1)
    delivery = delivery_of(engage_url, resend(provider.url, batch_size=20, key_seconds=0), clock=clock)

    deliver(delivery)

    assert given.states(engage_db) == {"sent": 20, "unknown": 20}
    assert len(provider.requests()) == 2
    assert_counted(engage_db, provider)

    assert dead_letters.settle_unknown(engage_db, now=clock() + timedelta(hours=47)) == {}
    learned_at = clock() + timedelta(hours=49)
    assert dead_letters.settle_unknown(engage_db, now=learned_at) == {"sent": 20}
    learned = "select count(*), min(sent_learned_at) from engage.campaign_messages where sent_learned_at > sent_at"
    assert engage_db.execute(learned).fetchone() == (20, learned_at), "for builds that read what is new"
    engage_db.commit()
    deliver(delivery)
    assert len(provider.requests()) == 2
    assert_counted(engage_db, provider)


def test_an_event_with_our_tag_settles_what_a_provider_without_keys_lost(engage_db, engage_url, provider, clock):
    """Row 62."""
    begin(engage_db, 2)
    provider.fault("accept_then_cut", times=1)
    deliver(delivery_of(engage_url, resend(provider.url, key_seconds=0), clock=clock))
    message_id = engage_db.execute(
        "select message_id from engage.campaign_messages where contact_id = 1 and state = 'unknown'"
    ).fetchone()[0]
    engage_db.execute(
        "insert into landing.provider_events (provider, provider_event_id, type, message_id, occurred_at, received_at, payload) "
        "values ('resend', 'e1', 'delivered', %s, %s, %s, '{}')",
        [message_id, clock(), clock()],
    )
    engage_db.commit()

    outcomes.process(engage_db, now=clock())

    engage_db.commit()
    assert given.states(engage_db) == {"delivered": 1, "unknown": 1}
    assert_counted(engage_db, provider)


def test_send_again_as_the_policy_of_a_provider_sends_again_after_48_hours_whatever_has_ended(
    engage_db, engage_url, provider, clock
):
    """Row 62: the policy is a person's choice; the run opens again and its deadline moves."""
    begin(engage_db, 3, deadline_minutes=60 * 24 * 60)
    provider.fault("cut_before", times=1)
    delivery = delivery_of(engage_url, resend(provider.url, key_seconds=0), clock=clock)
    deliver(delivery)
    assert given.states(engage_db) == {"unknown": 3}
    engage_db.execute("update engage.channel_providers set unknown_policy = 'send_again'")
    engage_db.execute("update engage.campaign_runs set deadline_at = %s", [clock()])
    assert runs.finish(engage_db, now=clock()) == ["sale"]
    clock.ahead = timedelta(hours=49)

    assert dead_letters.settle_unknown(engage_db, now=clock()) == {"queued": 3}
    engage_db.commit()
    deliver(delivery)

    assert given.states(engage_db) == {"sent": 3}
    assert_counted(engage_db, provider)


def test_a_worker_killed_at_a_provider_without_keys_leaves_unknown_only_what_it_had_begun(engage_db, provider, senders):
    """Row 62: batches that were made and waited for their turn were surely never sent."""
    begin(engage_db, 1000)
    order = {"batch_size": 20, "key_seconds": 0}

    senders.kill_at("answered", **order)
    begun = engage_db.execute("select sum(size) from engage.send_batches where attempts = 1").fetchone()[0]
    expire_leases(engage_db)
    senders.run(**order)

    assert 0 < begun < 1000
    assert given.states(engage_db) == {"unknown": begun, "sent": 1000 - begun}
    assert_counted(engage_db, provider)


def test_a_channel_that_breaks_costs_its_own_batch_an_attempt_and_nobody_else_anything(
    engage_db, engage_url, provider, clock
):
    """A fault of our own code in a channel is an outcome like any other: unknown, and asked again under the same key."""
    begin(engage_db, 60)
    channel = resend(provider.url, batch_size=20)
    send, broken = channel.send, []

    async def breaks(body, *, size, idempotency_key):
        if not broken:
            broken.append(await send(body, size=size, idempotency_key=idempotency_key))
            raise ValueError("ada@shop.dev: no")
        return await send(body, size=size, idempotency_key=idempotency_key)

    channel.send = breaks

    deliver(delivery_of(engage_url, channel, clock=clock))

    assert given.states(engage_db) == {"sent": 60}
    assert_counted(engage_db, provider)
    assert_one_body_per_key(provider)


def test_an_answer_of_the_wrong_length_is_no_answer(engage_db, engage_url, provider, clock):
    begin(engage_db, 10)
    channel = resend(provider.url)
    send, told = channel.send, []

    async def too_few(body, *, size, idempotency_key):
        answer = await send(body, size=size, idempotency_key=idempotency_key)
        told.append(answer)
        return Accepted(answer.results[:-1]) if len(told) == 1 else answer

    channel.send = too_few

    deliver(delivery_of(engage_url, channel, clock=clock))

    assert given.states(engage_db) == {"sent": 10}
    assert isinstance(told[0], Accepted)
    assert not isinstance(told[0], OutcomeUnknown)
    assert_counted(engage_db, provider)
