"""Fixtures that every test may ask for: a real Postgres, cloned databases, settings that point at them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from engage_db.embedded import Cluster
from engage_db.settings import load_settings
from tests.support.installation import Installation, installed
from tests.support.postgres import FAST_AND_FORGETFUL, TestCluster


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Among several processes: a file stays in one of them, and all installations in the same one.

    The demo that many files look at is made once so, and no two installations build in the project's target folder at a time.
    """
    for item in items:
        installs = item.path.parent.name == "end_to_end" or "demo" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("installations" if installs else item.location[0]))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCluster]:
    """The session's Postgres 18, with durability off."""
    server = Cluster(tmp_path_factory.mktemp("cluster"), options=FAST_AND_FORGETFUL)
    server.start(databases=())
    yield TestCluster(server)
    server.stop()


@pytest.fixture
def engage_url(cluster: TestCluster) -> Iterator[str]:
    """URL of a fresh, migrated Engage DB."""
    with cluster.migrated_database() as url:
        yield url


@pytest.fixture
def engage_db(engage_url: str) -> Iterator[psycopg.Connection]:
    """A connection to a fresh, migrated Engage DB."""
    with psycopg.connect(engage_url, options="-c timezone=UTC") as db:
        yield db


@pytest.fixture
def crm_database(cluster: TestCluster) -> Iterator[str]:
    """URL of a fresh, empty database for a CRM."""
    with cluster.database() as url:
        yield url


@pytest.fixture
def settings_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """Lets a test set environment variables that settings read; the cached settings are dropped around it."""
    monkeypatch.setenv("ENGAGE_HOME", str(tmp_path / "engage_home"))
    load_settings.cache_clear()
    yield monkeypatch
    load_settings.cache_clear()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation after `engage demo`; `report` is what it printed. Tests only read it."""
    home = tmp_path_factory.mktemp("demo")
    with installed(home) as installation:
        installation.__dict__["report"] = installation.json("demo", "--customers", "400", timeout=900)
        yield installation
