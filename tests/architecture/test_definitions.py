"""The Dagster graph: it loads with nothing set, hangs together, and has the assets, jobs and clocks that people rely on."""

from __future__ import annotations

import os
import subprocess
import sys

import dagster as dg
import pytest

from tests.support.installation import ROOT


@pytest.fixture(scope="module")
def definitions():
    from orchestration.definitions import defs

    return defs


@pytest.fixture(scope="module")
def graph(definitions):
    return definitions.resolve_asset_graph()


def test_definitions_load_with_an_empty_environment_and_no_database(tmp_path):
    code = "import orchestration.definitions; import engage_db.embedded as e; print('loaded')"
    environment = {"PATH": os.environ["PATH"], "ENGAGE_HOME": str(tmp_path / "none")}

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert done.stdout.strip().endswith("loaded"), done.stderr
    assert not (tmp_path / "none").exists()


def test_the_funnel_goes_back_to_the_crm_in_one_graph(graph):
    upstream, waiting = set(), [dg.AssetKey(["marts", "campaign_funnel"])]
    while waiting:
        key = waiting.pop()
        if key not in upstream:
            upstream.add(key)
            waiting.extend(graph.get(key).parent_keys)

    assert {
        dg.AssetKey(["crm", name]) for name in ("customers", "orders", "calls", "whatsapp_messages", "deals")
    } <= upstream


def test_no_asset_stands_alone(graph):
    alone = [
        key for key in graph.get_all_asset_keys() if not graph.get(key).parent_keys and not graph.get(key).child_keys
    ]

    assert alone == []


def test_assets_without_upstream_are_the_crm_and_what_people_made_or_decided(graph):
    roots = {"/".join(key.path) for key in graph.get_all_asset_keys() if not graph.get(key).parent_keys}

    assert {root for root in roots if not root.startswith("crm/")} == {
        "engage/campaigns",
        "engage/message_log",
        "engage/message_log_sent",
        "engage/message_templates",
        "engage/membership_log",
        "engage/membership_log_segments",
        "landing/events",
        "marts/engagement_rules",
    }


def test_every_asset_has_a_group_and_a_description(graph):
    bare = [
        "/".join(key.path)
        for key in graph.materializable_asset_keys
        if not graph.get(key).description or graph.get(key).group_name == "default"
    ]

    assert bare == []


def test_a_blocking_check_guards_each_table_that_audiences_come_from(graph):
    checks = {
        (str(key.asset_key.to_user_string()), key.name)
        for key in graph.asset_check_keys
        if key.name.endswith("_can_be_trusted")
    }

    assert checks == {
        ("core/contacts", "contacts_can_be_trusted"),
        ("core/events", "events_can_be_trusted"),
        ("engage/segment_members", "segment_members_can_be_trusted"),
        ("engage/campaign_messages", "campaign_messages_can_be_trusted"),
    }
    for key in graph.asset_check_keys:
        if key.name.endswith("_can_be_trusted"):
            assert graph.get_check_spec(key).blocking


def test_jobs_clocks_and_sensors_are_these_and_run_from_the_start(definitions):
    repository = definitions.get_repository_def()

    assert {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")} == {
        "loop", "build", "campaigns", "extraction", "outcomes", "measures", "segments_by_the_clock",
    }  # fmt: skip
    assert {clock.name: clock.cron_schedule for clock in repository.schedule_defs} == {
        "loop_every_15_minutes": "*/15 * * * *",
        "outcomes_every_minute": "* * * * *",
    }
    assert all(clock.default_status == dg.DefaultScheduleStatus.RUNNING for clock in repository.schedule_defs)
    assert {
        sensor.name for sensor in repository.sensor_defs if sensor.name != "default_automation_condition_sensor"
    } == {"due_campaigns", "due_segments"}
