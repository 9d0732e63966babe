"""What the assets work with. Nothing is connected before an asset asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster_dbt import DbtCliResource, DbtProject
from psycopg import Connection

from activation.delivery.processes import deliver_in_processes
from activation.delivery.send import Delivery, DeliveryReport
from engage_db.connection import connect_crm, connect_engage, database_url
from engage_db.settings import Settings, load_settings
from orchestration.transformation.manifest import DBT, DBT_DIRECTORY

PROJECT = DbtProject(project_dir=DBT_DIRECTORY, profiles_dir=DBT_DIRECTORY)


def now() -> datetime:
    """The clock of all assets."""
    return datetime.now(UTC)


class Crm(dg.ConfigurableResource[Connection]):
    """The company's CRM, read-only."""

    def connect(self) -> Connection:
        return connect_crm(application="engage extraction")


class EngageDb(dg.ConfigurableResource[Connection]):
    """The Engage DB."""

    def connect(self, *, autocommit: bool = True) -> Connection:
        """With autocommit every `transaction()` block is one of its own, whatever was read before it."""
        return connect_engage(application="engage orchestration", autocommit=autocommit)

    def url(self) -> str:
        return database_url("engage")


class Senders(dg.ConfigurableResource[Delivery]):
    """The channels that the settings allow, and what a delivery through them needs."""

    @property
    def settings(self) -> Settings:
        return load_settings()

    def deliver(self, *, throttled_for: timedelta | None) -> DeliveryReport:
        """Delivers what is due, in as many processes as the settings say."""
        return deliver_in_processes(self.settings, throttled_for=throttled_for)


def resources() -> dict[str, object]:
    """All resources by the names that assets use."""
    return {
        "crm": Crm(),
        "engage_db": EngageDb(),
        "dbt": DbtCliResource(project_dir=PROJECT, profiles_dir=str(DBT_DIRECTORY), dbt_executable=str(DBT)),
        "senders": Senders(),
    }
