"""The dbt manifest is that of the files as they are, whatever came, went or was put back; and a run says when it is not."""

from __future__ import annotations

import json
import os
import shutil

import dagster as dg
import pytest
from dagster_dbt import DbtCliResource, DbtProject

from engage_db.connection import dbt_environment
from orchestration.resources import EngageDb
from orchestration.transformation import assets, manifest


@pytest.fixture
def project(tmp_path):
    """A dbt project of one model."""
    (tmp_path / "models").mkdir()
    (tmp_path / "dbt_project.yml").write_text(
        "{name: tiny, version: '1.0', profile: engage, config-version: 2, models: {+tags: [model]}}"
    )
    shutil.copy(manifest.DBT_DIRECTORY / "profiles.yml", tmp_path)
    (tmp_path / "models" / "first.sql").write_text("select 1 as contact_id")
    return tmp_path


def models(project):
    nodes = json.loads(manifest.current_manifest(project).read_text())["nodes"].values()
    return sorted(node["name"] for node in nodes)


@pytest.fixture
def parses(monkeypatch):
    """How often dbt has parsed."""
    done = []
    parse = manifest._parse
    monkeypatch.setattr(manifest, "_parse", lambda project: (parse(project), done.append(project)))
    return done


def test_what_is_as_it_was_is_not_parsed_again(project, parses):
    assert models(project) == models(project) == ["first"]
    assert len(parses) == 1


def test_a_model_that_comes_with_an_old_date_or_goes_is_seen(project):
    models(project)
    added = project / "models" / "second.sql"
    added.write_text("select 2 as contact_id")
    os.utime(added, (1, 1))
    os.utime(added.parent, (1, 1))
    assert models(project) == ["first", "second"]

    added.unlink()
    os.utime(added.parent, (1, 1))
    assert models(project) == ["first"]


def test_a_model_that_goes_while_dbt_reads_is_not_believed_for_ever(project, monkeypatch):
    passing = project / "models" / "passing.sql"
    passing.write_text("select 3 as contact_id")
    parse = manifest._parse
    monkeypatch.setattr(manifest, "_parse", lambda at: (parse(at), passing.unlink(missing_ok=True)))

    assert models(project) == ["first", "passing"]
    assert models(project) == ["first"]


def test_a_project_that_does_not_parse_says_so_until_it_is_mended(project):
    broken = project / "models" / "broken.sql"
    broken.write_text("select {{ ref('nowhere') }}")
    for _ in range(2):
        with pytest.raises(manifest.DbtProjectInvalid, match="nowhere"):
            manifest.current_manifest(project)

    broken.write_text("select 4 as contact_id")
    assert models(project) == ["broken", "first"]


def test_a_run_that_was_planned_with_a_model_that_is_gone_fails_and_says_which(
    project, engage_url, settings_for, monkeypatch
):
    settings_for.setenv("ENGAGE_DATABASE_URL", engage_url)
    monkeypatch.setattr(assets, "current_manifest", lambda: manifest.current_manifest(project))
    monkeypatch.setattr(assets, "PROJECT", DbtProject(project_dir=project, profiles_dir=project))
    monkeypatch.setattr(assets, "TARGET", project / "target" / "build")
    for name in (*dbt_environment(engage_url), "ENGAGE_WORKSPACE_TIME_ZONE"):
        monkeypatch.setenv(name, "")  # the asset sets them for dbt: they are put back after the test
    gone = project / "models" / "gone.sql"
    gone.write_text("select 5 as contact_id")
    dbt_models, _ = assets.transformation_assets()

    def run():
        dbt = DbtCliResource(project_dir=str(project), profiles_dir=str(project), dbt_executable=str(manifest.DBT))
        return dg.materialize(
            [dbt_models], resources={"dbt": dbt, "engage_db": EngageDb()}, instance=dg.DagsterInstance.ephemeral(),
            raise_on_error=False,
        )  # fmt: skip

    assert run().success
    gone.unlink()
    failed = run()
    (failure,) = [event for event in failed.all_events if event.event_type_value == "STEP_FAILURE"]
    assert not failed.success
    assert "no model for staging/gone:" in failure.step_failure_data.user_failure_data.description
