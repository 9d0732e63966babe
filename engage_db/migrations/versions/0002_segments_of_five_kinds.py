"""segments of five kinds: versions, lists, snapshots, live evaluation, published events"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

# Postgres 15 has no pg_input_is_valid: dates in properties that are none become NULL by catching the refusal
TIMESTAMP_OR_NULL = r"""
create function engage.timestamp_or_null(value text, zone text) returns timestamptz
language plpgsql stable strict parallel safe as $$
begin
    if value ~ '^\s*\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?\s*$' then
        return value::timestamp at time zone zone;
    elsif value ~ '^\s*\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s*(Z|[+-]\d{2}(:?\d{2})?)\s*$' then
        return value::timestamptz;
    end if;
    return null;
exception when data_exception then
    return null;
end
$$
"""


def upgrade() -> None:
    op.execute(TIMESTAMP_OR_NULL)
    for column in (
        sa.Column("version", sa.Integer(), server_default="1", nullable=False, comment="counts the definitions"),
        sa.Column("evaluated_version", sa.Integer(), nullable=True, comment="the definition that the membership is of"),
        sa.Column(
            "size_guard",
            sa.Numeric(),
            nullable=True,
            comment="the factor by which a refresh may change the size; empty: the default, 0: any",
        ),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when a person deleted it; membership history stays",
        ),
    ):
        op.add_column("segments", column, schema="engage")
    op.create_index(
        op.f("segment_membership_history_entered_at_idx"),
        "segment_membership_history",
        ["entered_at"],
        schema="engage",
        postgresql_using="brin",
    )
    op.create_index(
        op.f("segment_membership_history_exited_at_idx"),
        "segment_membership_history",
        ["exited_at"],
        schema="engage",
        postgresql_where=sa.text("exited_at is not null"),
    )
    op.create_table(
        "segment_versions",
        sa.Column("segment_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["engage.segments.segment_id"], name=op.f("segment_versions_segment_id_fkey")
        ),
        sa.PrimaryKeyConstraint("segment_id", "version", name=op.f("segment_versions_pkey")),
        schema="engage",
    )
    op.create_table(
        "segment_list_entries",
        sa.Column("segment_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["engage.segments.segment_id"], name=op.f("segment_list_entries_segment_id_fkey")
        ),
        sa.PrimaryKeyConstraint("segment_id", "contact_id", name=op.f("segment_list_entries_pkey")),
        schema="engage",
    )
    op.create_index(
        op.f("segment_list_entries_contact_id_idx"), "segment_list_entries", ["contact_id"], schema="engage"
    )
    op.create_table(
        "segment_snapshots",
        sa.Column("segment_snapshot_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("segment_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "taken_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="members are read from the history, which keeps every instant",
        ),
        sa.Column("taken_by", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["engage.segments.segment_id"], name=op.f("segment_snapshots_segment_id_fkey")
        ),
        sa.PrimaryKeyConstraint("segment_snapshot_id", name=op.f("segment_snapshots_pkey")),
        sa.UniqueConstraint("segment_id", "name", name=op.f("segment_snapshots_segment_id_name_key")),
        schema="engage",
    )
    op.create_table(
        "live_changes",
        sa.Column("live_change_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False, comment="somebody of whom something new has landed"),
        sa.Column("landed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("live_change_id", name=op.f("live_changes_pkey")),
        schema="engage",
    )
    op.create_table(
        "live_contacts",
        sa.Column("contact_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "evaluated_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="evaluated on data newer than the last build: until the next, a refresh leaves the contact alone",
        ),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("live_contacts_pkey")),
        schema="engage",
    )
    op.create_table(
        "events",
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "source_key",
            sa.Text(),
            nullable=False,
            comment="the publisher's own id of the event: the same id is the same event",
        ),
        sa.Column("event_name", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("properties", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", "source_key", name=op.f("events_pkey")),
        schema="landing",
    )
    op.create_index(op.f("events_received_at_idx"), "events", ["received_at"], schema="landing")


def downgrade() -> None:
    op.execute("drop table landing.events cascade")
    for name in ("live_contacts", "live_changes", "segment_snapshots", "segment_list_entries", "segment_versions"):
        op.execute(f"drop table engage.{name} cascade")
    for name in ("entered_at", "exited_at"):
        op.drop_index(op.f(f"segment_membership_history_{name}_idx"), "segment_membership_history", schema="engage")
    for name in ("deleted_at", "created_by", "size_guard", "evaluated_version", "version"):
        op.execute(f"alter table engage.segments drop column {name} cascade")
    op.execute("drop function engage.timestamp_or_null(text, text) cascade")
