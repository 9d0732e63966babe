"""What the outside told us, kept as it came: append-only, de-duplicated by the sender's own id."""

from sqlalchemy import BigInteger, Column, Index, Table, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB

from engage_db.tables.columns import identity, metadata, text, timestamp

provider_events = Table(
    "provider_events",
    metadata,
    identity("landed_id"),
    text("provider"),
    text("provider_event_id"),
    text("type", comment="normalised: delivered, opened, …; other words are kept and ignored"),
    Column("message_id", BigInteger, comment="ours, from the tag or the link"),
    text("provider_message_id", nullable=True),
    timestamp("occurred_at", nullable=False),
    timestamp("received_at", nullable=False),
    timestamp("processed_at"),
    Column("payload", JSONB, nullable=False),
    UniqueConstraint("provider", "provider_event_id"),
    Index("provider_events_unprocessed_idx", "landed_id", postgresql_where=sql("processed_at is null")),
    schema="landing",
)
