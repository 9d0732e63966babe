"""Segments and their versions, who is in them now, who was when, how large they have been, and what live evaluation owes."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Numeric, Table, UniqueConstraint
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
    Column("version", Integer, nullable=False, server_default="1", comment="counts the definitions"),
    Column("evaluated_version", Integer, comment="the definition that the membership is of"),
    Column(
        "size_guard",
        Numeric,
        comment="the factor by which a refresh may change the size; empty: the default, 0: any",
    ),
    text("created_by", nullable=True),
    timestamp("deleted_at", comment="when a person deleted it; membership history stays"),
    one_of("kind", SEGMENT_KINDS),
    schema="engage",
)

segment_versions = Table(
    "segment_versions",
    metadata,
    Column("segment_id", BigInteger, ForeignKey(segments.c.segment_id), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("definition", JSONB, nullable=False),
    timestamp("created_at", nullable=False),
    text("created_by"),
    schema="engage",
)

segment_list_entries = Table(
    "segment_list_entries",
    metadata,
    Column("segment_id", BigInteger, ForeignKey(segments.c.segment_id), primary_key=True),
    Column("contact_id", BigInteger, primary_key=True),
    timestamp("added_at", nullable=False),
    text("added_by"),
    Index(None, "contact_id"),
    schema="engage",
)

segment_snapshots = Table(
    "segment_snapshots",
    metadata,
    identity("segment_snapshot_id"),
    Column("segment_id", BigInteger, ForeignKey(segments.c.segment_id), nullable=False),
    text("name"),
    timestamp("taken_at", nullable=False, comment="members are read from the history, which keeps every instant"),
    text("taken_by"),
    Column("size", BigInteger, nullable=False),
    UniqueConstraint("segment_id", "name"),
    schema="engage",
)

live_changes = Table(
    "live_changes",
    metadata,
    identity("live_change_id"),
    Column("contact_id", BigInteger, nullable=False, comment="somebody of whom something new has landed"),
    timestamp("landed_at", nullable=False),
    schema="engage",
)

live_contacts = Table(
    "live_contacts",
    metadata,
    Column("contact_id", BigInteger, primary_key=True),
    timestamp(
        "evaluated_at",
        nullable=False,
        comment="evaluated on data newer than the last build: until the next, a refresh leaves the contact alone",
    ),
    schema="engage",
)

# no foreign keys: checked row by row they cost more than the row, and segments are only ever marked as deleted
segment_members = Table(
    "segment_members",
    metadata,
    Column("segment_id", BigInteger, primary_key=True),
    Column("contact_id", BigInteger, primary_key=True),
    timestamp("entered_at", nullable=False),
    Index(None, "contact_id"),
    # read by the next build as news: entries come in the order of time
    Index(None, "entered_at", postgresql_using="brin"),
    schema="engage",
)

# with the members, whose stays go on, these are the view engage.segment_membership_history
segment_past_stays = Table(
    "segment_past_stays",
    metadata,
    Column("segment_id", BigInteger, primary_key=True),
    Column("contact_id", BigInteger, primary_key=True),
    timestamp("entered_at", primary_key=True),
    timestamp("exited_at", nullable=False),
    Index(None, "contact_id"),
    Index(None, "entered_at"),
    Index(None, "exited_at"),
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
