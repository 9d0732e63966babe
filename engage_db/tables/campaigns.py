"""Campaigns (broadcasts and recurring automations) and each of their runs."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, Table, UniqueConstraint
from sqlalchemy import text as sql

from engage_db.tables.columns import identity, metadata, one_of, text, timestamp
from engage_db.tables.segments import segments
from engage_db.tables.templates import MESSAGE_CLASSES, message_templates, template_versions

CAMPAIGN_STATES = (
    "draft", "scheduled", "preparing", "sending", "paused", "finished", "cancelled", "missed", "stopped_by_guard",
)  # fmt: skip
RUN_STATES = ("preparing", "sending", "finished", "cancelled", "missed", "stopped_by_guard")

campaigns = Table(
    "campaigns",
    metadata,
    identity("campaign_id"),
    text("key", unique=True),
    text("name"),
    text("kind"),
    text("state"),
    text("state_reason", nullable=True),
    Column("segment_id", BigInteger, ForeignKey(segments.c.segment_id), nullable=False),
    Column("template_id", BigInteger, ForeignKey(message_templates.c.template_id), nullable=False),
    text("channel", server_default="email"),
    text("message_class", server_default="marketing"),
    text("cron", nullable=True, comment="five fields, of recurring ones"),
    text("time_zone"),
    Column(
        "is_active",
        Boolean,
        nullable=False,
        server_default=sql("false"),
        comment="whether an automation runs",
    ),
    timestamp("next_run_at", comment="when it is due next; empty: never"),
    Column("window_minutes", Integer, nullable=False, server_default="1440", comment="how late a run may start"),
    text("paused_from", nullable=True, comment="the state to return to on resume"),
    timestamp("created_at", nullable=False),
    text("created_by"),
    timestamp("updated_at", nullable=False),
    one_of("kind", ("broadcast", "recurring")),
    one_of("state", CAMPAIGN_STATES),
    one_of("message_class", MESSAGE_CLASSES),
    CheckConstraint("(kind = 'recurring') = (cron is not null)", name="cron_of_recurring"),
    Index("campaigns_due_idx", "next_run_at", postgresql_where=sql("next_run_at is not null")),
    schema="engage",
)

campaign_runs = Table(
    "campaign_runs",
    metadata,
    identity("campaign_run_id"),
    Column("campaign_id", BigInteger, ForeignKey(campaigns.c.campaign_id), nullable=False),
    timestamp("scheduled_for", nullable=False),
    text("state"),
    text("reason", nullable=True, comment="why it is missed, stopped or cancelled, in words"),
    text("problem", nullable=True, comment="what holds delivery up just now, in words"),
    Column("template_version_id", BigInteger, ForeignKey(template_versions.c.template_version_id)),
    text("provider", nullable=True),
    text("sender", nullable=True),
    Column("targeted", BigInteger, comment="rows of the snapshot"),
    Column("last_batch_number", Integer, nullable=False, server_default="0"),
    timestamp("created_at", nullable=False),
    timestamp("snapshot_at"),
    timestamp("started_at"),
    timestamp("finished_at"),
    one_of("state", RUN_STATES),
    UniqueConstraint("campaign_id", "scheduled_for"),
    Index("campaign_runs_open_idx", "campaign_run_id", postgresql_where=sql("state in ('preparing', 'sending')")),
    schema="engage",
)
