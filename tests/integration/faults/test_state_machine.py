"""An hour of anything, in any order: the counting invariant after every step. Row 65 of the faults."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import orjson
import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from activation.campaigns import commands, runs
from activation.channels.contract import (
    Accepted,
    Cause,
    ContentRefused,
    KeyConflict,
    Limits,
    Mail,
    NotProcessed,
    OutcomeUnknown,
)
from activation.delivery import batches, dead_letters, lane, making, outcomes
from activation.delivery.batches import Claim
from activation.delivery.send import deliver
from tests.factories import engage as given
from tests.factories.engage import NOW
from tests.support.sending import delivery_of, many

CONTACTS = 12
FAULTS = ("lost", "before", "rate", "down", "configuration", "refused")


class Provider:
    """Remembers keys for a day of the simulated clock, takes each mail it is given, and lies when told to."""

    name, channel = "resend", "email"
    limits = Limits(batch_size=4, key_seconds=24 * 3600)

    def __init__(self, clock):
        self.clock = clock
        self.known = {}
        self.mails = Counter()
        self.faults = []
        self.conflicts = 0

    def encode(self, mails):
        return orjson.dumps([mail.message_id for mail in mails])

    async def send(self, body, *, size, idempotency_key):
        del size
        fault = self.faults.pop() if self.faults else None
        instead = {
            "before": OutcomeUnknown("cut"),
            "rate": NotProcessed(Cause.RATE, "too fast", 2),
            "down": NotProcessed(Cause.UNREACHABLE, "refused"),
            "configuration": NotProcessed(Cause.CONFIGURATION, "no such key"),
        }
        if fault in instead:
            return instead[fault]
        known = self.known.get(idempotency_key)
        if known and known[0] != body:
            self.conflicts += 1
            return KeyConflict("another body")
        if not known:
            if fault == "refused":
                return ContentRefused("bad content")
            self.mails.update(orjson.loads(body))
            self.known[idempotency_key] = (body, self.clock())
        return OutcomeUnknown("lost") if fault == "lost" else Accepted([f"p{one}" for one in orjson.loads(body)])

    async def close(self):
        return None


class Sending(RuleBasedStateMachine):
    """One campaign to a dozen people, on a clock that only the machine moves."""

    cluster = None

    def __init__(self):
        super().__init__()
        self.database = self.cluster.migrated_database()
        self.url = self.database.__enter__()
        self.now = NOW
        self.db = psycopg.connect(self.url, options="-c timezone=UTC")
        self.run_id = given.begin_run(self.db, many(self.db, CONTACTS), provider="resend")
        self.provider = Provider(lambda: self.now)
        self.events = 0

    def teardown(self):
        self.db.close()
        self.database.__exit__(None, None, None)

    def states(self):
        found = dict(self.db.execute("select message_id, state from engage.campaign_messages").fetchall())
        self.db.commit()
        return found

    @rule(faults=st.lists(st.sampled_from(FAULTS), max_size=4))
    def send(self, faults):
        self.provider.faults = list(faults)
        deliver(delivery_of(self.url, self.provider, clock=lambda: self.now, sleep=self._sleep, lanes=2))
        self.provider.faults = []

    async def _sleep(self, seconds):
        """Whoever waits for a turn with the provider gets it later on this clock, not never."""
        self.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    @rule(stage=st.sampled_from(("claimed", "frozen", "answered")), most=st.integers(1, 6))
    def kill(self, stage, most):
        """A worker does so much and is gone; its lease is over when somebody looks again."""
        asyncio.run(self._begin_and_die(stage, most))
        self.now += timedelta(seconds=61)

    async def _begin_and_die(self, stage, most):
        db = await psycopg.AsyncConnection.connect(self.url, autocommit=True, options="-c timezone=UTC")
        async with db:
            claim = Claim(self.run_id, "email", True, "test/e", "mortal")
            held = await batches.claim(db, claim, self.provider, most=most, now=self.now)
            if stage == "claimed" or not held:
                return
            made = [making.make(batch, self.provider, self._mail) for batch in held]
            frozen = await making.freeze(db, made, turns=len(made), now=self.now)
            if stage == "answered":
                for batch in frozen:
                    await self.provider.send(batch.body, size=1, idempotency_key=batch.idempotency_key)

    @staticmethod
    def _mail(row):
        return Mail(row.message_id, "a@b.dev", row.address, "s", "h", "t")

    @precondition(lambda self: self.campaign().state in ("sending", "scheduled"))
    @rule()
    def pause(self):
        commands.pause(self.db, "sale", now=self.now)
        self.db.commit()

    @precondition(lambda self: self.campaign().state in ("paused", "stopped_by_guard"))
    @rule()
    def resume(self):
        commands.resume(self.db, "sale", now=self.now)
        given.pass_data_tests(self.db, "campaign_messages", now=self.now)
        runs.open_for_sending(self.db, now=self.now)
        self.db.commit()

    @rule(dice=st.integers(0, 9))
    def cancel_rarely(self, dice):
        if dice == 0 and self.campaign().state not in commands.FINAL_STATES:
            commands.cancel(self.db, "sale", now=self.now)
        self.db.commit()

    @rule(contact_id=st.integers(1, CONTACTS))
    def unsubscribe(self, contact_id):
        self.db.execute(
            "insert into engage.suppressions (contact_id, channel, reason, source, evidence, created_at) "
            "values (%s, 'email', 'unsubscribed_all', 'test', '{}', %s) on conflict do nothing",
            [contact_id, self.now],
        )
        self.db.commit()

    @rule(pick=st.integers(0, CONTACTS), kind=st.sampled_from(("delivered", "bounced", "opened")))
    def webhook(self, pick, kind):
        """An event of a mail that the provider really has, also before we know its id."""
        mails = sorted(self.provider.mails)
        if not mails:
            return
        self.events += 1
        self.db.execute(
            "insert into landing.provider_events "
            "(provider, provider_event_id, type, message_id, occurred_at, received_at, payload) "
            "values ('resend', %s, %s, %s, %s, %s, '{}')",
            [f"e{self.events}", kind, mails[pick % len(mails)], self.now, self.now],
        )
        outcomes.process(self.db, now=self.now)
        self.db.commit()

    @rule()
    def requeue_dead_letters(self):
        dead = [letter.message_id for letter in dead_letters.list_dead(self.db)]
        dead_letters.requeue(self.db, dead, actor="ada", now=self.now)
        self.db.commit()

    @rule(seconds=st.sampled_from((1, 5, 30, 61, 300, 600)))
    def wait(self, seconds):
        self.now += timedelta(seconds=seconds)

    @rule()
    def finish(self):
        for key in runs.finish(self.db, now=self.now):
            assert key == "sale"
            assert not {"queued", "claimed"} & set(self.states().values())
        self.db.commit()

    def campaign(self):
        found = commands.find(self.db, "sale")
        self.db.commit()
        return found

    @invariant()
    def everything_is_counted(self):
        assert self.db.execute("select bool_and(adds_up) from engage.campaign_run_counts").fetchone() == (True,)
        states = self.states()
        assert len(states) == CONTACTS
        allowed = {
            **{state: {1} for state in ("sent", "delivered", "bounced")},
            **{state: {0, 1} for state in ("claimed", "unknown", "dead")},
        }
        odd = {
            message_id: (state, self.provider.mails[message_id])
            for message_id, state in states.items()
            if self.provider.mails[message_id] not in allowed.get(state, {0})
        }
        assert odd == {}
        assert self.provider.conflicts == 0

    @invariant()
    def a_cancelled_campaign_has_nothing_queued(self):
        if self.campaign().state == "cancelled":
            assert "queued" not in self.states().values()


@pytest.mark.slow
def test_the_counts_add_up_after_every_step_of_any_hour(cluster, monkeypatch):
    """Row 65."""
    monkeypatch.setattr(lane, "PATIENCE", timedelta())
    Sending.cluster = cluster
    run_state_machine_as_test(
        Sending,
        settings=settings(
            max_examples=12, stateful_step_count=30, deadline=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
