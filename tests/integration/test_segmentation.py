"""Segments in Dagster: who is listed and refreshed by a run, who kept their members, and who has an hour of their own."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from activation.segments import commands
from activation.segments.kinds.dbt_model import SegmentDefinition
from orchestration.resources import EngageDb
from orchestration.segmentation import assets, sensors
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


ON_OTHERS = {
    "version": 1,
    "where": {
        "type": "and",
        "conditions": [
            {"type": "segment", "segment": "first", "operator": "in_segment"},
            {"type": "segment", "segment": "second", "operator": "not_in_segment"},
        ],
    },
}


@pytest.fixture
def materialise(engage_db, engage_url, settings_for, monkeypatch):
    """Runs the assets of segments as if the project had exactly these models; of membership/, only the named ones."""
    settings_for.setenv("ENGAGE_DATABASE_URL", engage_url)
    given.build(engage_db)
    for contact_id in (1, 2, 3):
        given.add_contact(engage_db, contact_id)
    engage_db.execute("create schema if not exists segments")
    for model, members in {"first": "(1), (2)", "second": "(2)", "third": "(3)"}.items():
        engage_db.execute(f"create view segments.{model} as select * from (values {members}) as member (contact_id)")
    engage_db.commit()

    def run(*models, only=None):
        definitions = [
            SegmentDefinition(model, model.title(), "", None, "after every build", ("segments", model), "select", model)
            for model in models
        ]
        monkeypatch.setattr(assets, "segments_in", lambda _manifest: definitions)
        wanted = [dg.AssetKey(["membership", only])] if only else None
        done = dg.materialize(
            assets.segmentation_assets(), selection=wanted, resources={"engage_db": EngageDb()},
            instance=dg.DagsterInstance.ephemeral(),
        )  # fmt: skip
        assert done.success
        return [segment.key for segment in commands.list_all(engage_db) if segment.is_active]

    return run


def test_a_segment_of_rules_that_refers_to_models_is_refreshed_in_a_run(engage_db, materialise):
    materialise("first", "second")
    commands.create(
        engage_db, "on_others", kind="rules", title="On others", definition=ON_OTHERS, actor="ada", now=given.NOW
    )
    engage_db.execute("create or replace view segments.second as select 1 as contact_id")
    engage_db.commit()
    materialise("first", "second")

    state = "select problem, size from engage.segments where key = 'on_others'"
    members = (
        "select contact_id from engage.segment_members join engage.segments using (segment_id) where key = 'on_others'"
    )
    assert engage_db.execute(state).fetchall() == [(None, 1)]
    assert engage_db.execute(members).fetchall() == [(2,)]


def test_the_membership_of_one_model_is_materialised_without_an_effect_on_other_segments(materialise):
    assert materialise("first", "second", "third") == ["first", "second", "third"]
    assert materialise("first", "second", "third", only="second") == ["first", "second", "third"]


def test_a_segment_whose_model_is_gone_is_retired_by_the_run_and_returns_with_it(materialise):
    materialise("first", "second")

    assert materialise("first") == ["first"]
    assert materialise("first", "second") == ["first", "second"]


@pytest.fixture
def live_contacts(engage_db, engage_url, settings_for, monkeypatch):
    """Runs defined_on_screens together with stand-ins for these dbt models; whom live evaluation keeps afterwards."""
    settings_for.setenv("ENGAGE_DATABASE_URL", engage_url)
    given.build(engage_db)
    engage_db.execute("insert into engage.live_contacts (contact_id, evaluated_at) values (1, %s)", [given.NOW])
    engage_db.commit()
    monkeypatch.setattr(assets, "segments_in", lambda _manifest: [])
    stood_in = [dg.AssetKey(table) for table in assets.READ_BY_SEGMENTS]

    @dg.multi_asset(specs=[dg.AssetSpec(key) for key in stood_in], can_subset=True)
    def models(context):
        for key in sorted(context.selected_asset_keys):
            yield dg.MaterializeResult(asset_key=key)

    with dg.DagsterInstance.ephemeral() as instance:

        def run(*built):
            done = dg.materialize(
                [models, *assets.segmentation_assets()], instance=instance, resources={"engage_db": EngageDb()},
                selection=[dg.AssetKey(["membership", "defined_on_screens"]), *map(dg.AssetKey, built)],
            )  # fmt: skip
            assert done.success
            return [row[0] for row in engage_db.execute("select contact_id from engage.live_contacts").fetchall()]

        yield run


def test_what_live_evaluation_saw_is_settled_only_by_a_run_that_built_what_segments_read(live_contacts, engage_db):
    profiles, events = assets.READ_BY_SEGMENTS

    assert live_contacts() == [1]
    assert live_contacts(events) == [1]
    assert live_contacts(profiles, events) == []

    engage_db.execute("insert into engage.live_contacts (contact_id, evaluated_at) values (2, %s)", [given.NOW])
    engage_db.commit()
    assert live_contacts() == [2]
