"""The outbox: one row per (run, contact, step), the batches they leave in, and what happened to each message.

Rows of messages and events refer to runs, versions and batches without foreign keys: each is written by a statement that
joins those tables, none of which ever loses a row, and a check per row would cost more than the row.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB

from engage_db.tables.campaigns import campaign_runs
from engage_db.tables.columns import identity, metadata, one_of, text, timestamp

MESSAGE_STATES = (
    "queued", "claimed", "sent", "delivered", "bounced", "skipped", "cancelled", "failed", "unknown", "dead",
)  # fmt: skip
SKIP_REASONS = (
    "no_consent", "suppressed", "unsubscribed_topic", "frequency_cap", "quiet_hours_expired", "holdout",
    "excluded_segment", "no_address", "invalid_address", "duplicate_address", "render_error", "outside_window",
)  # fmt: skip
EVENT_TYPES = (
    "queued", "sent", "delivered", "deferred", "bounced", "rejected", "complained", "opened", "clicked", "unsubscribed",
)  # fmt: skip

database_epochs = Table(
    "database_epochs",
    metadata,
    text("epoch", primary_key=True, comment="drawn when the database was made; a restored backup keeps it"),
    timestamp("begun_at", nullable=False),
    schema="engage",
)

send_batches = Table(
    "send_batches",
    metadata,
    identity("batch_id"),
    Column("campaign_run_id", BigInteger, ForeignKey(campaign_runs.c.campaign_run_id), nullable=False),
    Column("batch_number", Integer, nullable=False, comment="counted per run, so a key can be made again"),
    text("provider"),
    text("idempotency_key", unique=True),
    text("state"),
    Column("size", Integer, nullable=False),
    Column(
        "message_ids", ARRAY(BigInteger), nullable=False, comment="its members in the order of the request, for ever"
    ),
    Column("body", LargeBinary, comment="the exact bytes to send, zstd; gone when the batch is done"),
    text("body_sha256", nullable=True),
    text("lease_owner", nullable=True),
    timestamp("lease_until"),
    Column("lease_epoch", Integer, nullable=False, server_default="1"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    timestamp("first_attempt_at"),
    timestamp("next_attempt_at", nullable=False),
    text("problem", nullable=True),
    timestamp("created_at", nullable=False),
    timestamp("finished_at"),
    one_of("state", ("claimed", "frozen", "accepted", "released", "refused", "unknown", "dead")),
    UniqueConstraint("campaign_run_id", "batch_number"),
    Index(
        "send_batches_open_idx",
        "campaign_run_id",
        "next_attempt_at",
        postgresql_where=sql("state in ('claimed', 'frozen')"),
    ),
    schema="engage",
)

campaign_messages = Table(
    "campaign_messages",
    metadata,
    identity("message_id"),
    Column("campaign_run_id", BigInteger, nullable=False),
    Column("campaign_id", BigInteger, nullable=False),
    Column("contact_id", BigInteger, nullable=False),
    Column("step", Integer, nullable=False, server_default="0"),
    text("channel"),
    text("address", nullable=True),
    text("state"),
    # columns of their own, so that a message that goes from claimed to sent touches no index
    Column("is_queued", Boolean, Computed("state = 'queued'", persisted=True)),
    Column("is_parked", Boolean, Computed("state = 'unknown' or state = 'dead'", persisted=True)),
    text(
        "reason",
        nullable=True,
        comment="why it was skipped, failed or parked: a word of SKIP_REASONS, or the provider's",
    ),
    text("reason_detail", nullable=True),
    Column("template_version_id", BigInteger, nullable=False),
    Column("tokens", JSON, comment="every value the template uses, fixed at the snapshot"),
    text("consent", nullable=True, comment="the consent that allowed it"),
    Column("is_capped", Boolean, nullable=False, server_default=sql("false"), comment="whether it counts towards caps"),
    text("time_zone", nullable=True, comment="the recipient's, where hours matter"),
    timestamp("next_attempt_at", nullable=False),
    timestamp("hold_at", comment="from when on its hours have to be asked again; empty: at any hour"),
    Column("batch_id", BigInteger),
    text("provider", nullable=True),
    text("provider_message_id", nullable=True),
    timestamp("created_at", nullable=False),
    timestamp("state_changed_at", nullable=False),
    timestamp("sent_at"),
    timestamp("sent_learned_at", comment="when it came out that it had been sent, where that was later"),
    one_of("state", MESSAGE_STATES),
    UniqueConstraint("campaign_run_id", "contact_id", "step"),
    Index(
        "campaign_messages_queued_idx",
        "campaign_run_id",
        "next_attempt_at",
        "message_id",
        postgresql_where=sql("is_queued"),
    ),
    Index("campaign_messages_parked_idx", "message_id", postgresql_where=sql("is_parked")),
    Index(None, "contact_id", "created_at"),
    Index(None, "sent_at", postgresql_using="brin"),
    Index("campaign_messages_learned_idx", "sent_learned_at", postgresql_where=sql("sent_learned_at is not null")),
    schema="engage",
    # room for the second version of each row on its own page
    postgresql_with={"fillfactor": 60},
)

message_events = Table(
    "message_events",
    metadata,
    identity("message_event_id"),
    Column("message_id", BigInteger, nullable=False),
    Column("campaign_id", BigInteger, nullable=False),
    Column("contact_id", BigInteger, nullable=False),
    text("type"),
    timestamp("occurred_at", nullable=False),
    timestamp("recorded_at", nullable=False),
    text("provider"),
    text("provider_event_id"),
    Column("detail", JSONB, nullable=False, comment="bounce, words, link, agent, ip, as far as they were told"),
    one_of("type", EVENT_TYPES),
    UniqueConstraint("provider", "provider_event_id"),
    Index(None, "message_id"),
    Index(None, "campaign_id", "type"),
    Index(None, "contact_id", "occurred_at"),
    Index(None, "recorded_at"),
    schema="engage",
)
