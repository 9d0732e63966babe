"""What the outside told us, kept as it came: append-only, de-duplicated by the sender's own id."""

from sqlalchemy import BigInteger, Column, Index, Numeric, Table, UniqueConstraint
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
    Column(
        "detail",
        JSONB,
        nullable=False,
        server_default="{}",
        comment="in our words: bounce (hard, soft, uncounted), words, link, agent, ip",
    ),
    Column("payload", JSONB, nullable=False, comment="as it came"),
    UniqueConstraint("provider", "provider_event_id"),
    Index("provider_events_unprocessed_idx", "landed_id", postgresql_where=sql("processed_at is null")),
    schema="landing",
)

events = Table(
    "events",
    metadata,
    Column("contact_id", BigInteger, primary_key=True),
    text("source_key", primary_key=True, comment="the publisher's own id of the event: the same id is the same event"),
    text("event_name"),
    timestamp("occurred_at", nullable=False),
    Column("value", Numeric),
    text("currency", nullable=True),
    Column("properties", JSONB, nullable=False),
    timestamp("received_at", nullable=False),
    Index(None, "received_at"),
    schema="landing",
)
