"""What people agreed to and when, and who must not be written to, and why."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB

from engage_db.tables.columns import identity, metadata, one_of, text, timestamp

SUPPRESSION_REASONS = (
    "hard_bounce", "complaint", "unsubscribed_all", "unsubscribed_topic", "soft_bounce_run", "manual", "erased",
    "invalid_address", "provider_suppressed",
)  # fmt: skip
CONSENT_STATUSES = ("subscribed", "unsubscribed")

topics = Table(
    "topics",
    metadata,
    identity("topic_id"),
    text("key", unique=True),
    text("name"),
    text("description", server_default="", comment="what a recipient reads in the preference centre"),
    Column("is_active", Boolean, nullable=False, server_default=sql("true")),
    timestamp("created_at", nullable=False),
    text("created_by"),
    schema="engage",
)

consent_records = Table(
    "consent_records",
    metadata,
    identity("consent_record_id"),
    Column("contact_id", BigInteger, nullable=False),
    text("channel"),
    Column("topic_id", BigInteger, ForeignKey(topics.c.topic_id), comment="empty: the channel as a whole"),
    text("status"),
    timestamp("occurred_at", nullable=False),
    timestamp("recorded_at", nullable=False),
    text("source", comment="preference_centre, one_click, import, api, person, …"),
    Column("proof", JSONB, nullable=False, comment="what was shown and from where: wording, ip, agent, message_id"),
    text("recorded_by"),
    one_of("status", CONSENT_STATUSES),
    Index(None, "contact_id", "channel", "topic_id", "occurred_at"),
    Index(None, "recorded_at"),
    schema="engage",
)

suppressions = Table(
    "suppressions",
    metadata,
    identity("suppression_id"),
    Column("contact_id", BigInteger, nullable=False, comment="0: nobody known, the address alone"),
    text("channel"),
    Column("topic_id", BigInteger, ForeignKey(topics.c.topic_id), comment="of unsubscribed_topic"),
    text("address", nullable=True, comment="the address, as it was written to"),
    text("reason"),
    text("source"),
    Column("evidence", JSONB, nullable=False),
    timestamp("created_at", nullable=False),
    timestamp("expires_at", comment="of a run of soft bounces: when it may be tried again"),
    timestamp("lifted_at", comment="when a person, or a newer opt-in, ended it"),
    text("lifted_by", nullable=True),
    text("lifted_because", nullable=True),
    one_of("reason", SUPPRESSION_REASONS),
    UniqueConstraint(
        "contact_id",
        "channel",
        "reason",
        "topic_id",
        "address",
        postgresql_nulls_not_distinct=True,
        name="suppressions_once_key",
    ),
    Index(None, "channel", "address"),
    schema="engage",
)

frequency_caps = Table(
    "frequency_caps",
    metadata,
    identity("frequency_cap_id"),
    text("channel", unique=True),
    Column("most", Integer, nullable=False, comment="marketing messages in any window"),
    Column("window_hours", Integer, nullable=False, server_default="168"),
    Column("is_active", Boolean, nullable=False, server_default=sql("true")),
    timestamp("updated_at", nullable=False),
    text("updated_by"),
    schema="engage",
)
