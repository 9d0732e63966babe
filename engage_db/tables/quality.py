"""What the data tests last said: audiences are taken only from data that passed."""

from sqlalchemy import Boolean, Column, Index, Integer, Table
from sqlalchemy.dialects.postgresql import JSONB

from engage_db.tables.columns import identity, metadata, text, timestamp

data_test_results = Table(
    "data_test_results",
    metadata,
    identity("data_test_result_id"),
    text("suite"),
    Column("passed", Boolean, nullable=False),
    text("problem", nullable=True, comment="what failed, in words; empty when it passed"),
    Column("expectations", Integer, nullable=False),
    Column("failures", JSONB, nullable=False),
    timestamp("checked_at", nullable=False),
    Index(None, "suite", "checked_at"),
    schema="engage",
)
