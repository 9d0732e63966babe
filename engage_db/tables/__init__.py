"""The tables that Alembic owns, one file per subject. dbt owns everything derived; raw_crm mirrors follow the CRM."""

from engage_db.tables import campaigns, compliance, delivery, landing, providers, quality, segments, sync, templates
from engage_db.tables.columns import metadata

OWNED_SCHEMAS = ("engage", "landing", "raw_crm")

__all__ = [
    "OWNED_SCHEMAS",
    "campaigns",
    "compliance",
    "delivery",
    "landing",
    "metadata",
    "providers",
    "quality",
    "segments",
    "sync",
    "templates",
]
