"""Who must not be written to, and why."""

from sqlalchemy import BigInteger, Column, Index, Table, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from engage_db.tables.columns import identity, metadata, one_of, text, timestamp

SUPPRESSION_REASONS = (
    "hard_bounce", "complaint", "unsubscribed_all", "unsubscribed_topic", "soft_bounce_run", "manual", "erased",
    "invalid_address", "provider_suppressed",
)  # fmt: skip

suppressions = Table(
    "suppressions",
    metadata,
    identity("suppression_id"),
    Column("contact_id", BigInteger, nullable=False),
    text("channel"),
    text("address", nullable=True, comment="the address, as it was written to"),
    text("reason"),
    text("source"),
    Column("evidence", JSONB, nullable=False),
    timestamp("created_at", nullable=False),
    one_of("reason", SUPPRESSION_REASONS),
    UniqueConstraint("contact_id", "channel", "reason"),
    Index(None, "channel", "address"),
    schema="engage",
)
