"""Segments in Dagster: the check that names who kept their members, and the sensor of those with an hour of their own."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from activation.segments import commands
from orchestration.resources import EngageDb
from orchestration.segmentation import sensors
from orchestration.segmentation.assets import refreshed
from tests.factories import engage as given

EVERYBODY = {"version": 1, "where": {"type": "attribute", "attribute": "email", "operator": "is_set"}}
MONDAY = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)  # 6 in Rome


def test_the_check_names_every_segment_that_keeps_its_members_whatever_its_kind_and_pace(engage_db):
    given.build(engage_db)
    for key in ("good", "jumped"):
        given.add_segment(engage_db, key, [1])
    engage_db.execute("update engage.segments set problem = 'its size would go to 0' where key = 'jumped'")

    (check,) = refreshed([], commands.list_all(engage_db)).check_results

    assert (check.passed, list(check.metadata)) == (False, ["jumped"])
    engage_db.execute("update engage.segments set problem = null")
    (check,) = refreshed([], commands.list_all(engage_db)).check_results
    assert check.passed


@pytest.fixture
def tick(engage_url, settings_for, monkeypatch):
    settings_for.setenv("ENGAGE_DATABASE_URL", engage_url)

    def tick_at(moment):
        monkeypatch.setattr(sensors, "now", lambda: moment)
        with dg.DagsterInstance.ephemeral() as instance:
            return sensors.due_segments(dg.build_sensor_context(instance=instance), engage_db=EngageDb())

    return tick_at


def test_a_segment_whose_hour_has_come_is_asked_for(engage_db, tick):
    given.build(engage_db)
    commands.create(
        engage_db, "weekly", kind="rules", title="Weekly", definition=EVERYBODY, refresh="0 6 * * 1", actor="ada",
        now=given.NOW,
    )  # fmt: skip
    engage_db.execute("update engage.segments set refreshed_at = %s", [given.NOW])
    engage_db.commit()

    assert isinstance(tick(MONDAY.replace(hour=4, minute=59)), dg.SkipReason)
    asked = tick(MONDAY.replace(minute=1))
    assert asked.run_config == {"ops": {"refresh_due_segments": {"config": {"keys": ["weekly"]}}}}
