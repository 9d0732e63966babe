"""the main loop"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("create schema if not exists landing")
    op.execute("create schema if not exists raw_crm")
    op.create_table(
        "database_epochs",
        sa.Column(
            "epoch",
            sa.Text(),
            nullable=False,
            comment="drawn when the database was made; a restored backup keeps it",
        ),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("epoch", name=op.f("database_epochs_pkey")),
        schema="engage",
    )
    op.execute(
        "insert into engage.database_epochs select substr(md5(gen_random_uuid()::text), 1, 8), transaction_timestamp()"
    )
    op.create_table(
        "data_test_results",
        sa.Column("data_test_result_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("suite", sa.Text(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True, comment="what failed, in words; empty when it passed"),
        sa.Column("expectations", sa.Integer(), nullable=False),
        sa.Column("failures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("data_test_result_id", name=op.f("data_test_results_pkey")),
        schema="engage",
    )
    op.create_index(
        op.f("data_test_results_suite_checked_at_idx"),
        "data_test_results",
        ["suite", "checked_at"],
        unique=False,
        schema="engage",
    )
    op.create_table(
        "message_templates",
        sa.Column("template_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), server_default="email", nullable=False),
        sa.Column("message_class", sa.Text(), server_default="marketing", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "message_class in ('marketing', 'transactional')",
            name=op.f("message_templates_message_class_check"),
        ),
        sa.PrimaryKeyConstraint("template_id", name=op.f("message_templates_pkey")),
        sa.UniqueConstraint("key", name=op.f("message_templates_key_key")),
        schema="engage",
    )
    op.create_table(
        "segments",
        sa.Column("segment_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column(
            "refresh",
            sa.Text(),
            server_default="after every build",
            nullable=False,
            comment="how often membership is refreshed, in words",
        ),
        sa.Column(
            "definition",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="what the kind needs; of dbt: relation and SQL",
        ),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True, comment="members after the last refresh that succeeded"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "refreshed_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the last refresh that succeeded",
        ),
        sa.Column(
            "problem",
            sa.Text(),
            nullable=True,
            comment="why the newest refresh kept the last good membership",
        ),
        sa.Column("problem_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind in ('dbt', 'rules', 'sql', 'manual', 'function')", name=op.f("segments_kind_check")),
        sa.PrimaryKeyConstraint("segment_id", name=op.f("segments_pkey")),
        sa.UniqueConstraint("key", name=op.f("segments_key_key")),
        schema="engage",
    )
    op.create_table(
        "suppressions",
        sa.Column("suppression_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True, comment="the address, as it was written to"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "reason in ('hard_bounce', 'complaint', 'unsubscribed_all', 'unsubscribed_topic', 'soft_bounce_run', 'manual', 'erased', 'invalid_address', 'provider_suppressed')",
            name=op.f("suppressions_reason_check"),
        ),
        sa.PrimaryKeyConstraint("suppression_id", name=op.f("suppressions_pkey")),
        sa.UniqueConstraint("contact_id", "channel", "reason", name=op.f("suppressions_contact_id_channel_reason_key")),
        schema="engage",
    )
    op.create_index(
        op.f("suppressions_channel_address_idx"),
        "suppressions",
        ["channel", "address"],
        unique=False,
        schema="engage",
    )
    op.create_table(
        "sync_checkpoints",
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("cursor_value", sa.Text(), nullable=True, comment="highest changed_at read, as the CRM prints it"),
        sa.Column("cursor_key", sa.Text(), nullable=True, comment="primary key of the row that carried it"),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rows_total", sa.BigInteger(), nullable=False, comment="rows of the mirror not deleted in the CRM"),
        sa.PrimaryKeyConstraint("table_name", name=op.f("sync_checkpoints_pkey")),
        schema="engage",
    )
    op.create_table(
        "sync_runs",
        sa.Column("sync_run_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="sync reads what changed, reconcile finds what was deleted",
        ),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rows_read", sa.BigInteger(), nullable=True),
        sa.Column("rows_inserted", sa.BigInteger(), nullable=True),
        sa.Column("rows_updated", sa.BigInteger(), nullable=True),
        sa.Column("rows_deleted", sa.BigInteger(), nullable=True),
        sa.Column(
            "rows_without_cursor",
            sa.BigInteger(),
            nullable=True,
            comment="rows whose changed_at is empty: read at every sync",
        ),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("lag_seconds", sa.Double(), nullable=True, comment="age of the newest change when it was read"),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.CheckConstraint("kind in ('sync', 'reconcile')", name=op.f("sync_runs_kind_check")),
        sa.CheckConstraint("status in ('running', 'succeeded', 'failed')", name=op.f("sync_runs_status_check")),
        sa.PrimaryKeyConstraint("sync_run_id", name=op.f("sync_runs_pkey")),
        schema="engage",
    )
    op.create_index(
        op.f("sync_runs_table_name_started_at_idx"),
        "sync_runs",
        ["table_name", "started_at"],
        unique=False,
        schema="engage",
    )
    op.create_table(
        "provider_events",
        sa.Column("landed_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_event_id", sa.Text(), nullable=False),
        sa.Column(
            "type",
            sa.Text(),
            nullable=False,
            comment="normalised: delivered, opened, …; other words are kept and ignored",
        ),
        sa.Column("message_id", sa.BigInteger(), nullable=True, comment="ours, from the tag or the link"),
        sa.Column("provider_message_id", sa.Text(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("landed_id", name=op.f("provider_events_pkey")),
        sa.UniqueConstraint(
            "provider", "provider_event_id", name=op.f("provider_events_provider_provider_event_id_key")
        ),
        schema="landing",
    )
    op.create_index(
        "provider_events_unprocessed_idx",
        "provider_events",
        ["landed_id"],
        unique=False,
        schema="landing",
        postgresql_where=sa.text("processed_at is null"),
    )
    op.create_table(
        "campaigns",
        sa.Column("campaign_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("segment_id", sa.BigInteger(), nullable=False),
        sa.Column("template_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), server_default="email", nullable=False),
        sa.Column("message_class", sa.Text(), server_default="marketing", nullable=False),
        sa.Column("cron", sa.Text(), nullable=True, comment="five fields, of recurring ones"),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column(
            "is_active",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="whether an automation runs",
        ),
        sa.Column(
            "next_run_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it is due next; empty: never",
        ),
        sa.Column(
            "window_minutes",
            sa.Integer(),
            server_default="1440",
            nullable=False,
            comment="how late a run may start",
        ),
        sa.Column("paused_from", sa.Text(), nullable=True, comment="the state to return to on resume"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(kind = 'recurring') = (cron is not null)", name=op.f("campaigns_cron_of_recurring_check")),
        sa.CheckConstraint("kind in ('broadcast', 'recurring')", name=op.f("campaigns_kind_check")),
        sa.CheckConstraint(
            "message_class in ('marketing', 'transactional')", name=op.f("campaigns_message_class_check")
        ),
        sa.CheckConstraint(
            "state in ('draft', 'scheduled', 'preparing', 'sending', 'paused', 'finished', 'cancelled', 'missed', 'stopped_by_guard')",
            name=op.f("campaigns_state_check"),
        ),
        sa.ForeignKeyConstraint(["segment_id"], ["engage.segments.segment_id"], name=op.f("campaigns_segment_id_fkey")),
        sa.ForeignKeyConstraint(
            ["template_id"], ["engage.message_templates.template_id"], name=op.f("campaigns_template_id_fkey")
        ),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("campaigns_pkey")),
        sa.UniqueConstraint("key", name=op.f("campaigns_key_key")),
        schema="engage",
    )
    op.create_index(
        "campaigns_due_idx",
        "campaigns",
        ["next_run_at"],
        unique=False,
        schema="engage",
        postgresql_where=sa.text("next_run_at is not null"),
    )
    op.create_table(
        "segment_members",
        sa.Column("segment_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["engage.segments.segment_id"], name=op.f("segment_members_segment_id_fkey")
        ),
        sa.PrimaryKeyConstraint("segment_id", "contact_id", name=op.f("segment_members_pkey")),
        schema="engage",
    )
    op.create_index(
        op.f("segment_members_contact_id_idx"),
        "segment_members",
        ["contact_id"],
        unique=False,
        schema="engage",
    )
    op.create_table(
        "segment_membership_history",
        sa.Column("segment_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "exited_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="empty while the stay lasts; coming back opens a new row",
        ),
        sa.ForeignKeyConstraint(
            ["segment_id"],
            ["engage.segments.segment_id"],
            name=op.f("segment_membership_history_segment_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("segment_id", "contact_id", "entered_at", name=op.f("segment_membership_history_pkey")),
        schema="engage",
    )
    op.create_index(
        op.f("segment_membership_history_contact_id_idx"),
        "segment_membership_history",
        ["contact_id"],
        unique=False,
        schema="engage",
    )
    op.create_index(
        "segment_membership_history_open_key",
        "segment_membership_history",
        ["segment_id", "contact_id"],
        unique=True,
        schema="engage",
        postgresql_where=sa.text("exited_at is null"),
    )
    op.create_table(
        "segment_sizes",
        sa.Column("segment_id", sa.BigInteger(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("entered", sa.BigInteger(), nullable=False),
        sa.Column("exited", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["engage.segments.segment_id"], name=op.f("segment_sizes_segment_id_fkey")
        ),
        sa.PrimaryKeyConstraint("segment_id", "measured_at", name=op.f("segment_sizes_pkey")),
        schema="engage",
    )
    op.create_table(
        "template_versions",
        sa.Column("template_version_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("template_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("preheader", sa.Text(), server_default="", nullable=False),
        sa.Column("body_mjml", sa.Text(), nullable=False),
        sa.Column("body_html", sa.Text(), nullable=False, comment="compiled from body_mjml once, tokens untouched"),
        sa.Column("body_text", sa.Text(), nullable=False),
        sa.Column("tokens", postgresql.ARRAY(sa.TEXT()), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["template_id"],
            ["engage.message_templates.template_id"],
            name=op.f("template_versions_template_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("template_version_id", name=op.f("template_versions_pkey")),
        sa.UniqueConstraint("template_id", "version", name=op.f("template_versions_template_id_version_key")),
        schema="engage",
    )
    op.create_table(
        "campaign_runs",
        sa.Column("campaign_run_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("scheduled_for", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True, comment="why it is missed, stopped or cancelled, in words"),
        sa.Column("problem", sa.Text(), nullable=True, comment="what holds delivery up just now, in words"),
        sa.Column("template_version_id", sa.BigInteger(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("sender", sa.Text(), nullable=True),
        sa.Column("targeted", sa.BigInteger(), nullable=True, comment="rows of the snapshot"),
        sa.Column("last_batch_number", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("snapshot_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('preparing', 'sending', 'finished', 'cancelled', 'missed', 'stopped_by_guard')",
            name=op.f("campaign_runs_state_check"),
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["engage.campaigns.campaign_id"], name=op.f("campaign_runs_campaign_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["template_version_id"],
            ["engage.template_versions.template_version_id"],
            name=op.f("campaign_runs_template_version_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("campaign_run_id", name=op.f("campaign_runs_pkey")),
        sa.UniqueConstraint("campaign_id", "scheduled_for", name=op.f("campaign_runs_campaign_id_scheduled_for_key")),
        schema="engage",
    )
    op.create_index(
        "campaign_runs_open_idx",
        "campaign_runs",
        ["campaign_run_id"],
        unique=False,
        schema="engage",
        postgresql_where=sa.text("state in ('preparing', 'sending')"),
    )
    op.create_table(
        "send_batches",
        sa.Column("batch_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("campaign_run_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "batch_number",
            sa.Integer(),
            nullable=False,
            comment="counted per run, so a key can be made again",
        ),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column(
            "body",
            sa.LargeBinary(),
            nullable=True,
            comment="the exact bytes to send, zstd; gone when the batch is done",
        ),
        sa.Column("body_sha256", sa.Text(), nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_epoch", sa.Integer(), server_default="1", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("first_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('claimed', 'frozen', 'accepted', 'released', 'refused', 'unknown', 'dead')",
            name=op.f("send_batches_state_check"),
        ),
        sa.ForeignKeyConstraint(
            ["campaign_run_id"],
            ["engage.campaign_runs.campaign_run_id"],
            name=op.f("send_batches_campaign_run_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("send_batches_pkey")),
        sa.UniqueConstraint(
            "campaign_run_id", "batch_number", name=op.f("send_batches_campaign_run_id_batch_number_key")
        ),
        sa.UniqueConstraint("idempotency_key", name=op.f("send_batches_idempotency_key_key")),
        schema="engage",
    )
    op.create_index(
        "send_batches_open_idx",
        "send_batches",
        ["campaign_run_id", "next_attempt_at"],
        unique=False,
        schema="engage",
        postgresql_where=sa.text("state in ('claimed', 'frozen')"),
    )
    op.create_table(
        "campaign_messages",
        sa.Column("message_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("campaign_run_id", sa.BigInteger(), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Integer(), server_default="0", nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "reason",
            sa.Text(),
            nullable=True,
            comment="why it was skipped, failed or parked: a word of SKIP_REASONS, or the provider's",
        ),
        sa.Column("reason_detail", sa.Text(), nullable=True),
        sa.Column("template_version_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "tokens",
            postgresql.JSON(astext_type=sa.Text()),
            nullable=True,
            comment="every value the template uses, fixed at the snapshot",
        ),
        sa.Column("consent", sa.Text(), nullable=True, comment="the consent that allowed it"),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        sa.Column("batch_position", sa.Integer(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("provider_message_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state_changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('queued', 'claimed', 'sent', 'delivered', 'bounced', 'skipped', 'cancelled', 'failed', 'unknown', 'dead')",
            name=op.f("campaign_messages_state_check"),
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["engage.send_batches.batch_id"], name=op.f("campaign_messages_batch_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["engage.campaigns.campaign_id"], name=op.f("campaign_messages_campaign_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["campaign_run_id"],
            ["engage.campaign_runs.campaign_run_id"],
            name=op.f("campaign_messages_campaign_run_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["template_version_id"],
            ["engage.template_versions.template_version_id"],
            name=op.f("campaign_messages_template_version_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("campaign_messages_pkey")),
        sa.UniqueConstraint(
            "campaign_run_id",
            "contact_id",
            "step",
            name=op.f("campaign_messages_campaign_run_id_contact_id_step_key"),
        ),
        schema="engage",
    )
    op.create_index(
        "campaign_messages_batch_idx",
        "campaign_messages",
        ["batch_id"],
        unique=False,
        schema="engage",
        postgresql_where=sa.text("batch_id is not null"),
    )
    op.create_index(
        op.f("campaign_messages_campaign_id_idx"),
        "campaign_messages",
        ["campaign_id"],
        unique=False,
        schema="engage",
    )
    op.create_index(
        op.f("campaign_messages_contact_id_created_at_idx"),
        "campaign_messages",
        ["contact_id", "created_at"],
        unique=False,
        schema="engage",
    )
    op.create_index(
        "campaign_messages_provider_idx",
        "campaign_messages",
        ["provider_message_id"],
        unique=False,
        schema="engage",
        postgresql_where=sa.text("provider_message_id is not null"),
    )
    op.create_index(
        "campaign_messages_queued_idx",
        "campaign_messages",
        ["campaign_run_id", "message_id"],
        unique=False,
        schema="engage",
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_table(
        "message_events",
        sa.Column("message_event_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_event_id", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(
            "type in ('queued', 'sent', 'delivered', 'deferred', 'bounced', 'rejected', 'complained', 'opened', 'clicked', 'unsubscribed')",
            name=op.f("message_events_type_check"),
        ),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["engage.campaign_messages.message_id"],
            name=op.f("message_events_message_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("message_event_id", name=op.f("message_events_pkey")),
        sa.UniqueConstraint(
            "provider", "provider_event_id", name=op.f("message_events_provider_provider_event_id_key")
        ),
        schema="engage",
    )
    op.create_index(
        op.f("message_events_campaign_id_type_idx"),
        "message_events",
        ["campaign_id", "type"],
        unique=False,
        schema="engage",
    )
    op.create_index(
        op.f("message_events_contact_id_occurred_at_idx"),
        "message_events",
        ["contact_id", "occurred_at"],
        unique=False,
        schema="engage",
    )
    op.create_index(
        op.f("message_events_message_id_idx"), "message_events", ["message_id"], unique=False, schema="engage"
    )
    op.create_index(
        op.f("message_events_recorded_at_idx"),
        "message_events",
        ["recorded_at"],
        unique=False,
        schema="engage",
    )


def downgrade() -> None:
    # cascade: dbt's staging views read these tables and are built again by the next build
    op.execute("drop schema if exists landing cascade")
    op.execute("drop schema if exists raw_crm cascade")
    op.execute("drop table engage.message_events cascade")
    op.execute("drop table engage.campaign_messages cascade")
    op.execute("drop table engage.send_batches cascade")
    op.execute("drop table engage.campaign_runs cascade")
    op.execute("drop table engage.template_versions cascade")
    op.execute("drop table engage.segment_sizes cascade")
    op.execute("drop table engage.segment_membership_history cascade")
    op.execute("drop table engage.segment_members cascade")
    op.execute("drop table engage.campaigns cascade")
    op.execute("drop table engage.sync_runs cascade")
    op.execute("drop table engage.sync_checkpoints cascade")
    op.execute("drop table engage.suppressions cascade")
    op.execute("drop table engage.segments cascade")
    op.execute("drop table engage.message_templates cascade")
    op.execute("drop table engage.data_test_results cascade")
    op.execute("drop table engage.database_epochs cascade")
