"""The sensor: one request per campaign and time, and it changes nothing."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg
import pytest

from orchestration.campaigns import sensors
from orchestration.resources import EngageDb
from tests.factories import engage as given
from tests.factories.engage import NOW


@pytest.fixture
def tick(engage_url, settings_for, monkeypatch):
    settings_for.setenv("ENGAGE_DATABASE_URL", engage_url)

    def tick_at(moment):
        monkeypatch.setattr(sensors, "now", lambda: moment)
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(instance=instance)
            return list(sensors.due_campaigns(context, engage_db=EngageDb()))

    return tick_at


def test_nothing_due_is_skipped_in_words(engage_db, tick):
    given.build(engage_db)

    assert [type(answer) for answer in tick(NOW)] == [dg.SkipReason]


def test_what_is_due_is_asked_for_under_one_key_however_often(engage_db, tick):
    campaign = given.add_campaign(engage_db)

    first, second = tick(NOW), tick(NOW + timedelta(seconds=30))

    assert [request.run_key for request in first] == [f"campaign:{campaign.campaign_id}:{NOW.isoformat()}"]
    assert [request.run_key for request in second] == [request.run_key for request in first]
    assert engage_db.execute("select count(*) from engage.campaign_runs").fetchone() == (0,)


def test_a_run_that_was_interrupted_is_asked_for_again(engage_db, tick):
    run_id = given.begin_run(engage_db, given.add_campaign(engage_db))

    assert [type(answer) for answer in tick(NOW + timedelta(seconds=10))] == [dg.SkipReason]
    requests = tick(NOW + timedelta(minutes=5))
    assert [request.run_key.rsplit(":", 1)[0] for request in requests] == [f"run:{run_id}"]


def test_a_paused_campaign_is_left_alone(engage_db, tick):
    from activation.campaigns import commands

    given.add_campaign(engage_db)
    commands.pause(engage_db, "sale", now=NOW)
    engage_db.commit()

    assert [type(answer) for answer in tick(NOW + timedelta(minutes=5))] == [dg.SkipReason]
