"""Segments, who is in them now, who was when, and how large they have been."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB

from engage_db.tables.columns import identity, metadata, one_of, text, timestamp

SEGMENT_KINDS = ("dbt", "rules", "sql", "manual", "function")

segments = Table(
    "segments",
    metadata,
    identity("segment_id"),
    text("key", unique=True),
    text("kind"),
    text("title"),
    text("description"),
    text("owner", nullable=True),
    text("refresh", server_default="after every build", comment="how often membership is refreshed, in words"),
    Column("definition", JSONB, nullable=False, comment="what the kind needs; of dbt: relation and SQL"),
    Column("is_active", Boolean, nullable=False, server_default=sql("true")),
    Column("size", BigInteger, comment="members after the last refresh that succeeded"),
    timestamp("created_at", nullable=False),
    timestamp("refreshed_at", comment="the last refresh that succeeded"),
    text("problem", nullable=True, comment="why the newest refresh kept the last good membership"),
    timestamp("problem_at"),
    one_of("kind", SEGMENT_KINDS),
    schema="engage",
)

segment_members = Table(
    "segment_members",
    metadata,
    Column("segment_id", BigInteger, ForeignKey(segments.c.segment_id), primary_key=True),
    Column("contact_id", BigInteger, primary_key=True),
    timestamp("entered_at", nullable=False),
    Index(None, "contact_id"),
    schema="engage",
)

segment_membership_history = Table(
    "segment_membership_history",
    metadata,
    Column("segment_id", BigInteger, ForeignKey(segments.c.segment_id), primary_key=True),
    Column("contact_id", BigInteger, primary_key=True),
    timestamp("entered_at", primary_key=True),
    timestamp("exited_at", comment="empty while the stay lasts; coming back opens a new row"),
    Index(
        "segment_membership_history_open_key",
        "segment_id",
        "contact_id",
        unique=True,
        postgresql_where=sql("exited_at is null"),
    ),
    Index(None, "contact_id"),
    schema="engage",
)

segment_sizes = Table(
    "segment_sizes",
    metadata,
    Column("segment_id", BigInteger, ForeignKey(segments.c.segment_id), primary_key=True),
    timestamp("measured_at", primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("entered", BigInteger, nullable=False),
    Column("exited", BigInteger, nullable=False),
    schema="engage",
)
