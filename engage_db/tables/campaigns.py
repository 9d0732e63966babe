"""Campaigns (broadcasts and recurring automations) and each of their runs."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    Table,
    Time,
    UniqueConstraint,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY

from engage_db.tables.columns import identity, metadata, one_of, text, timestamp
from engage_db.tables.compliance import topics
from engage_db.tables.segments import segments
from engage_db.tables.templates import MESSAGE_CLASSES, message_templates, template_versions

CAMPAIGN_STATES = (
    "draft", "scheduled", "preparing", "sending", "paused", "finished", "cancelled", "missed", "stopped_by_guard",
)  # fmt: skip
CAMPAIGN_KINDS = ("broadcast", "recurring", "triggered")
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
    Column(
        "segment_id",
        BigInteger,
        ForeignKey(segments.c.segment_id),
        comment="empty: triggered, for one person at a time",
    ),
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
    Column(
        "topic_id",
        BigInteger,
        ForeignKey(topics.c.topic_id),
        comment="what the mail is about; empty: the channel as a whole",
    ),
    Column(
        "priority",
        Integer,
        nullable=False,
        server_default="50",
        comment="who gets the last slot under a cap: the higher",
    ),
    Column("messages_per_minute", Integer, comment="throttle; empty: as fast as the provider allows"),
    Column("ignores_caps", Boolean, nullable=False, server_default=sql("false")),
    Column("counts_towards_caps", Boolean, nullable=False, server_default=sql("true")),
    Column(
        "holdout_percent", Numeric, nullable=False, server_default="0", comment="never messaged, measured all the same"
    ),
    Column("excluded_segment_ids", ARRAY(BigInteger), nullable=False, server_default="{}"),
    Column("quiet_from", Time, comment="quiet hours in the recipient's zone; may pass midnight"),
    Column("quiet_until", Time),
    Column("window_from", Time, comment="only between these hours of the recipient's day; may pass midnight"),
    Column("window_until", Time),
    Column("window_days", ARRAY(Integer), comment="only on these weekdays, 1 = Monday"),
    Column(
        "deadline_minutes", Integer, nullable=False, server_default="1440", comment="after its time nothing more leaves"
    ),
    text("paused_from", nullable=True, comment="the state to return to on resume"),
    timestamp("created_at", nullable=False),
    text("created_by"),
    timestamp("updated_at", nullable=False),
    one_of("kind", CAMPAIGN_KINDS),
    one_of("state", CAMPAIGN_STATES),
    one_of("message_class", MESSAGE_CLASSES),
    CheckConstraint("(kind = 'recurring') = (cron is not null)", name="cron_of_recurring"),
    CheckConstraint("(kind = 'triggered') = (segment_id is null)", name="segment_unless_triggered"),
    CheckConstraint("(quiet_from is null) = (quiet_until is null)", name="quiet_hours_both"),
    CheckConstraint("(window_from is null) = (window_until is null)", name="send_window_both"),
    CheckConstraint("holdout_percent between 0 and 100", name="holdout_percent"),
    CheckConstraint("messages_per_minute > 0", name="messages_per_minute"),
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
    text("provider", nullable=True, comment="the one it began with; another real one may take over, the sandbox never"),
    text("sender", nullable=True),
    text(
        "message_class",
        server_default="marketing",
        comment="this and the next three as the campaign had them at its time",
    ),
    Column("topic_id", BigInteger),
    Column("priority", Integer, nullable=False, server_default="50"),
    Column("ignores_caps", Boolean, nullable=False, server_default=sql("false")),
    Column("quiet_from", Time),
    Column("quiet_until", Time),
    Column("window_from", Time),
    Column("window_until", Time),
    Column("window_days", ARRAY(Integer), comment="this and the four before as the campaign had them at its time"),
    timestamp("deadline_at", comment="what has not left by then is skipped"),
    text("trigger_key", nullable=True, comment="of triggered ones: the caller's own, so that asking twice sends once"),
    text("epoch", nullable=True, comment="of the database when the run was planned"),
    Column("targeted", BigInteger, comment="rows of the snapshot"),
    Column("last_batch_number", Integer, nullable=False, server_default="0"),
    timestamp("created_at", nullable=False),
    timestamp("snapshot_at"),
    timestamp("started_at"),
    timestamp("finished_at"),
    one_of("state", RUN_STATES),
    UniqueConstraint("campaign_id", "scheduled_for", "trigger_key", postgresql_nulls_not_distinct=True),
    Index(
        "campaign_runs_trigger_key",
        "campaign_id",
        "trigger_key",
        unique=True,
        postgresql_where=sql("trigger_key is not null"),
    ),
    Index("campaign_runs_open_idx", "campaign_run_id", postgresql_where=sql("state in ('preparing', 'sending')")),
    schema="engage",
)
