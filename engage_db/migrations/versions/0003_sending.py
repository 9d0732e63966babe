"""sending: providers, quotas, caps, topics, consent; an outbox that is cheap to update"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

MEMBERS_FROM_POSITIONS = """
update engage.send_batches batch
set message_ids = members.message_ids
from (
    select batch_id, array_agg(message_id order by batch_position) as message_ids
    from engage.campaign_messages
    where batch_id is not null
    group by batch_id
) members
where members.batch_id = batch.batch_id
"""

POSITIONS_FROM_MEMBERS = """
update engage.campaign_messages message
set batch_position = member.position - 1
from engage.send_batches batch
cross join lateral unnest(batch.message_ids) with ordinality as member (message_id, position)
where message.message_id = member.message_id and message.batch_id = batch.batch_id
"""

# the promise of sending in one view: whoever was targeted is in exactly one state
CAMPAIGN_RUN_COUNTS = """
create view engage.campaign_run_counts as
select run.campaign_run_id, run.campaign_id, run.targeted, counted.*,
    coalesce(run.targeted, 0) = counted.queued + counted.claimed + counted.sent + counted.skipped + counted.failed
        + counted.cancelled + counted.unknown + counted.dead as adds_up
from engage.campaign_runs run
cross join lateral (
    select
        count(*) filter (where state = 'queued') as queued,
        count(*) filter (where state = 'claimed') as claimed,
        count(*) filter (where state in ('sent', 'delivered', 'bounced')) as sent,
        count(*) filter (where state = 'delivered') as delivered,
        count(*) filter (where state = 'bounced') as bounced,
        count(*) filter (where state = 'skipped') as skipped,
        count(*) filter (where state = 'failed') as failed,
        count(*) filter (where state = 'cancelled') as cancelled,
        count(*) filter (where state = 'unknown') as unknown,
        count(*) filter (where state = 'dead') as dead
    from engage.campaign_messages message
    where message.campaign_run_id = run.campaign_run_id
) counted
"""

# what segments ask of campaigns: that a message was sent is told by the message itself
MESSAGE_HAPPENINGS = """
create view engage.message_happenings as
select message.contact_id, run.campaign_id, 'sent'::text as type, message.sent_at as occurred_at
from engage.campaign_runs run
join engage.campaign_messages message using (campaign_run_id)
where message.sent_at is not null
union all
select contact_id, campaign_id, type, occurred_at
from engage.message_events
where type <> 'sent'
"""

DEFAULT_CAP = """
insert into engage.frequency_caps (channel, most, window_hours, updated_at, updated_by)
values ('email', 3, 168, now(), 'engage')
"""


def _drop_column(table: str, column: str) -> None:
    """With the views of dbt that read it: the next build makes them anew."""
    op.execute(f"alter table {table} drop column {column} cascade")


def upgrade() -> None:  # noqa: PLR0915 - one step after the other
    op.drop_constraint("campaigns_kind_check", "campaigns", schema="engage")
    op.create_check_constraint(
        op.f("campaigns_kind_check"), "campaigns", "kind in ('broadcast', 'recurring', 'triggered')", schema="engage"
    )
    op.create_table(
        "channel_providers",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), server_default="email", nullable=False),
        sa.Column(
            "priority", sa.Integer(), server_default="50", nullable=False, comment="the highest that is well is used"
        ),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("requests_per_second", sa.Float(), nullable=True, comment="empty: as the channel's own limits say"),
        sa.Column("daily_limit", sa.BigInteger(), nullable=True, comment="messages a day, UTC"),
        sa.Column(
            "unknown_policy",
            sa.Text(),
            server_default="treat_as_sent",
            nullable=False,
            comment="of messages whose fate nobody told within 48 h",
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "unknown_policy in ('treat_as_sent', 'send_again', 'ask')",
            name=op.f("channel_providers_unknown_policy_check"),
        ),
        sa.PrimaryKeyConstraint("provider", name=op.f("channel_providers_pkey")),
        schema="engage",
    )
    op.create_table(
        "frequency_caps",
        sa.Column("frequency_cap_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False, comment="marketing messages in any window"),
        sa.Column("window_hours", sa.Integer(), server_default="168", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("frequency_cap_id", name=op.f("frequency_caps_pkey")),
        sa.UniqueConstraint("channel", name=op.f("frequency_caps_channel_key")),
        schema="engage",
    )
    op.create_table(
        "provider_health",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="closed", nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("open_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True, comment="why the breaker opened, in the provider's words"),
        sa.Column("window_began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("good", sa.Integer(), server_default="0", nullable=False, comment="answers in the window"),
        sa.Column("bad", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_good_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_bad_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_problem", sa.Text(), nullable=True),
        sa.CheckConstraint("state in ('closed', 'open', 'half_open')", name=op.f("provider_health_state_check")),
        sa.PrimaryKeyConstraint("provider", name=op.f("provider_health_pkey")),
        schema="engage",
    )
    op.create_table(
        "send_quotas",
        sa.Column("quota", sa.Text(), nullable=False, comment="campaign/12: messages; provider/resend: requests"),
        sa.Column("rate", sa.Float(), nullable=True, comment="tokens a second; empty: no limit"),
        sa.Column("burst", sa.Float(), server_default="1", nullable=False, comment="the most that may wait unused"),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("refilled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "held_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="nothing leaves before: the provider asked for a break",
        ),
        sa.Column("daily_limit", sa.BigInteger(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True, comment="the day that used_today counts, UTC"),
        sa.Column("used_today", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("quota", name=op.f("send_quotas_pkey")),
        schema="engage",
    )
    op.create_table(
        "service_heartbeats",
        sa.Column("service", sa.Text(), nullable=False, comment="worker, api"),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("service", "host", name=op.f("service_heartbeats_pkey")),
        schema="engage",
    )
    op.create_table(
        "topics",
        sa.Column("topic_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "description",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="what a recipient reads in the preference centre",
        ),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("topic_id", name=op.f("topics_pkey")),
        sa.UniqueConstraint("key", name=op.f("topics_key_key")),
        schema="engage",
    )
    op.create_table(
        "consent_records",
        sa.Column("consent_record_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("topic_id", sa.BigInteger(), nullable=True, comment="empty: the channel as a whole"),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="preference_centre, one_click, import, api, person, …"),
        sa.Column(
            "proof",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="what was shown and from where: wording, ip, agent, message_id",
        ),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.CheckConstraint("status in ('subscribed', 'unsubscribed')", name=op.f("consent_records_status_check")),
        sa.ForeignKeyConstraint(["topic_id"], ["engage.topics.topic_id"], name=op.f("consent_records_topic_id_fkey")),
        sa.PrimaryKeyConstraint("consent_record_id", name=op.f("consent_records_pkey")),
        schema="engage",
    )
    op.create_index(
        op.f("consent_records_contact_id_channel_topic_id_occurred_at_idx"),
        "consent_records",
        ["contact_id", "channel", "topic_id", "occurred_at"],
        unique=False,
        schema="engage",
    )
    op.create_index(
        op.f("consent_records_recorded_at_idx"), "consent_records", ["recorded_at"], unique=False, schema="engage"
    )
    op.add_column(
        "campaign_messages",
        sa.Column("is_queued", sa.Boolean(), sa.Computed("state = 'queued'", persisted=True), nullable=True),
        schema="engage",
    )
    op.add_column(
        "campaign_messages",
        sa.Column("is_parked", sa.Boolean(), sa.Computed("state = 'unknown' or state = 'dead'", persisted=True), nullable=True),
        schema="engage",
    )
    op.add_column(
        "campaign_messages",
        sa.Column(
            "is_capped",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="whether it counts towards caps",
        ),
        schema="engage",
    )
    op.add_column(
        "campaign_messages",
        sa.Column("time_zone", sa.Text(), nullable=True, comment="the recipient's, where hours matter"),
        schema="engage",
    )
    op.add_column(
        "campaign_messages",
        sa.Column(
            "hold_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="from when on its hours have to be asked again; empty: at any hour",
        ),
        schema="engage",
    )
    op.drop_index(
        op.f("campaign_messages_batch_idx"),
        table_name="campaign_messages",
        schema="engage",
        postgresql_where="(batch_id IS NOT NULL)",
    )
    op.drop_index(op.f("campaign_messages_campaign_id_idx"), table_name="campaign_messages", schema="engage")
    op.drop_index(
        op.f("campaign_messages_provider_idx"),
        table_name="campaign_messages",
        schema="engage",
        postgresql_where="(provider_message_id IS NOT NULL)",
    )
    op.drop_index(
        op.f("campaign_messages_queued_idx"),
        table_name="campaign_messages",
        schema="engage",
        postgresql_where="(state = 'queued'::text)",
    )
    op.create_index(
        "campaign_messages_parked_idx",
        "campaign_messages",
        ["message_id"],
        unique=False,
        schema="engage",
        postgresql_where=sa.text("is_parked"),
    )
    op.create_index(
        "campaign_messages_queued_idx",
        "campaign_messages",
        ["campaign_run_id", "next_attempt_at", "message_id"],
        unique=False,
        schema="engage",
        postgresql_where=sa.text("is_queued"),
    )
    op.create_index(
        op.f("campaign_messages_sent_at_idx"),
        "campaign_messages",
        ["sent_at"],
        unique=False,
        schema="engage",
        postgresql_using="brin",
    )
    op.drop_constraint(
        op.f("campaign_messages_batch_id_fkey"), "campaign_messages", schema="engage", type_="foreignkey"
    )
    op.drop_constraint(
        op.f("campaign_messages_campaign_id_fkey"), "campaign_messages", schema="engage", type_="foreignkey"
    )
    op.drop_constraint(
        op.f("campaign_messages_template_version_id_fkey"), "campaign_messages", schema="engage", type_="foreignkey"
    )
    op.drop_constraint(
        op.f("campaign_messages_campaign_run_id_fkey"), "campaign_messages", schema="engage", type_="foreignkey"
    )
    op.add_column(
        "send_batches",
        sa.Column(
            "message_ids",
            postgresql.ARRAY(sa.BigInteger()),
            server_default="{}",
            nullable=False,
            comment="its members in the order of the request, for ever",
        ),
        schema="engage",
    )
    op.execute(MEMBERS_FROM_POSITIONS)
    op.alter_column("send_batches", "message_ids", server_default=None, schema="engage")
    _drop_column("engage.campaign_messages", "batch_position")
    op.add_column(
        "campaign_runs",
        sa.Column(
            "message_class",
            sa.Text(),
            server_default="marketing",
            nullable=False,
            comment="this and the next three as the campaign had them at its time",
        ),
        schema="engage",
    )
    op.add_column("campaign_runs", sa.Column("topic_id", sa.BigInteger(), nullable=True), schema="engage")
    op.add_column(
        "campaign_runs", sa.Column("priority", sa.Integer(), server_default="50", nullable=False), schema="engage"
    )
    op.add_column(
        "campaign_runs",
        sa.Column("ignores_caps", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        schema="engage",
    )
    op.add_column(
        "campaign_runs",
        sa.Column(
            "deadline_at", sa.DateTime(timezone=True), nullable=True, comment="what has not left by then is skipped"
        ),
        schema="engage",
    )
    op.add_column(
        "campaign_runs",
        sa.Column(
            "trigger_key",
            sa.Text(),
            nullable=True,
            comment="of triggered ones: the caller's own, so that asking twice sends once",
        ),
        schema="engage",
    )
    op.add_column(
        "campaign_runs",
        sa.Column("epoch", sa.Text(), nullable=True, comment="of the database when the run was planned"),
        schema="engage",
    )
    op.alter_column(
        "campaign_runs",
        "provider",
        existing_type=sa.TEXT(),
        comment="the one it began with; another real one may take over, the sandbox never",
        existing_nullable=True,
        schema="engage",
    )
    op.drop_constraint(
        op.f("campaign_runs_campaign_id_scheduled_for_key"), "campaign_runs", schema="engage", type_="unique"
    )
    op.create_unique_constraint(
        op.f("campaign_runs_campaign_id_scheduled_for_trigger_key_key"),
        "campaign_runs",
        ["campaign_id", "scheduled_for", "trigger_key"],
        schema="engage",
        postgresql_nulls_not_distinct=True,
    )
    op.create_index(
        "campaign_runs_trigger_key",
        "campaign_runs",
        ["campaign_id", "trigger_key"],
        unique=True,
        schema="engage",
        postgresql_where=sa.text("trigger_key is not null"),
    )
    op.add_column(
        "campaigns",
        sa.Column(
            "topic_id", sa.BigInteger(), nullable=True, comment="what the mail is about; empty: the channel as a whole"
        ),
        schema="engage",
    )
    op.add_column(
        "campaigns",
        sa.Column(
            "priority",
            sa.Integer(),
            server_default="50",
            nullable=False,
            comment="who gets the last slot under a cap: the higher",
        ),
        schema="engage",
    )
    op.add_column(
        "campaigns",
        sa.Column(
            "messages_per_minute",
            sa.Integer(),
            nullable=True,
            comment="throttle; empty: as fast as the provider allows",
        ),
        schema="engage",
    )
    op.add_column(
        "campaigns",
        sa.Column("ignores_caps", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        schema="engage",
    )
    op.add_column(
        "campaigns",
        sa.Column("counts_towards_caps", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        schema="engage",
    )
    op.add_column(
        "campaigns",
        sa.Column(
            "holdout_percent",
            sa.Numeric(),
            server_default="0",
            nullable=False,
            comment="never messaged, measured all the same",
        ),
        schema="engage",
    )
    op.add_column(
        "campaigns",
        sa.Column("excluded_segment_ids", postgresql.ARRAY(sa.BigInteger()), server_default="{}", nullable=False),
        schema="engage",
    )
    op.add_column(
        "campaigns",
        sa.Column(
            "quiet_from", sa.Time(), nullable=True, comment="quiet hours in the recipient's zone; may pass midnight"
        ),
        schema="engage",
    )
    op.add_column("campaigns", sa.Column("quiet_until", sa.Time(), nullable=True), schema="engage")
    op.add_column(
        "campaigns",
        sa.Column(
            "window_from",
            sa.Time(),
            nullable=True,
            comment="only between these hours of the recipient's day; may pass midnight",
        ),
        schema="engage",
    )
    op.add_column("campaigns", sa.Column("window_until", sa.Time(), nullable=True), schema="engage")
    op.add_column(
        "campaigns",
        sa.Column(
            "window_days", postgresql.ARRAY(sa.Integer()), nullable=True, comment="only on these weekdays, 1 = Monday"
        ),
        schema="engage",
    )
    op.add_column(
        "campaigns",
        sa.Column(
            "deadline_minutes",
            sa.Integer(),
            server_default="1440",
            nullable=False,
            comment="after its time nothing more leaves",
        ),
        schema="engage",
    )
    op.alter_column(
        "campaigns",
        "segment_id",
        existing_type=sa.BIGINT(),
        nullable=True,
        comment="empty: triggered, for one person at a time",
        schema="engage",
    )
    op.create_foreign_key(
        op.f("campaigns_topic_id_fkey"),
        "campaigns",
        "topics",
        ["topic_id"],
        ["topic_id"],
        source_schema="engage",
        referent_schema="engage",
    )
    op.alter_column(
        "message_events",
        "detail",
        existing_type=postgresql.JSONB(astext_type=sa.Text()),
        comment="bounce, words, link, agent, ip, as far as they were told",
        existing_nullable=False,
        schema="engage",
    )
    op.drop_constraint(op.f("message_events_message_id_fkey"), "message_events", schema="engage", type_="foreignkey")
    op.add_column(
        "suppressions",
        sa.Column("topic_id", sa.BigInteger(), nullable=True, comment="of unsubscribed_topic"),
        schema="engage",
    )
    op.add_column(
        "suppressions",
        sa.Column(
            "expires_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="of a run of soft bounces: when it may be tried again",
        ),
        schema="engage",
    )
    op.add_column(
        "suppressions",
        sa.Column(
            "lifted_at", sa.DateTime(timezone=True), nullable=True, comment="when a person, or a newer opt-in, ended it"
        ),
        schema="engage",
    )
    op.add_column("suppressions", sa.Column("lifted_by", sa.Text(), nullable=True), schema="engage")
    op.add_column("suppressions", sa.Column("lifted_because", sa.Text(), nullable=True), schema="engage")
    op.alter_column(
        "suppressions",
        "contact_id",
        existing_type=sa.BIGINT(),
        comment="0: nobody known, the address alone",
        existing_nullable=False,
        schema="engage",
    )
    op.drop_constraint(
        op.f("suppressions_contact_id_channel_reason_key"), "suppressions", schema="engage", type_="unique"
    )
    op.create_unique_constraint(
        "suppressions_once_key",
        "suppressions",
        ["contact_id", "channel", "reason", "topic_id", "address"],
        schema="engage",
        postgresql_nulls_not_distinct=True,
    )
    op.create_foreign_key(
        op.f("suppressions_topic_id_fkey"),
        "suppressions",
        "topics",
        ["topic_id"],
        ["topic_id"],
        source_schema="engage",
        referent_schema="engage",
    )
    op.add_column(
        "template_versions",
        sa.Column(
            "links",
            postgresql.ARRAY(sa.Text()),
            server_default="{}",
            nullable=False,
            comment="the addresses that its HTML links to, tokens untouched; a click names one by its place, from 1",
        ),
        schema="engage",
    )
    op.add_column(
        "template_versions",
        sa.Column(
            "change_note",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="why it was changed, or which version it goes back to",
        ),
        schema="engage",
    )
    op.add_column(
        "provider_events",
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
            comment="in our words: bounce (hard, soft, uncounted), words, link, agent, ip",
        ),
        schema="landing",
    )
    op.alter_column(
        "provider_events",
        "payload",
        existing_type=postgresql.JSONB(astext_type=sa.Text()),
        comment="as it came",
        existing_nullable=False,
        schema="landing",
    )
    op.create_check_constraint(
        op.f("campaigns_segment_unless_triggered_check"),
        "campaigns",
        "(kind = 'triggered') = (segment_id is null)",
        schema="engage",
    )
    op.create_check_constraint(
        op.f("campaigns_quiet_hours_both_check"),
        "campaigns",
        "(quiet_from is null) = (quiet_until is null)",
        schema="engage",
    )
    op.create_check_constraint(
        op.f("campaigns_send_window_both_check"),
        "campaigns",
        "(window_from is null) = (window_until is null)",
        schema="engage",
    )
    op.create_check_constraint(
        op.f("campaigns_holdout_percent_check"), "campaigns", "holdout_percent between 0 and 100", schema="engage"
    )
    op.create_check_constraint(
        op.f("campaigns_messages_per_minute_check"), "campaigns", "messages_per_minute > 0", schema="engage"
    )
    op.execute("alter table engage.campaign_messages set (fillfactor = 60)")
    op.execute(DEFAULT_CAP)
    op.execute(CAMPAIGN_RUN_COUNTS)
    op.execute(MESSAGE_HAPPENINGS)


def downgrade() -> None:  # noqa: PLR0915 - one step after the other
    op.execute("drop view engage.message_happenings cascade")
    op.execute("drop view engage.campaign_run_counts cascade")
    op.execute("alter table engage.campaign_messages reset (fillfactor)")
    op.execute("delete from engage.campaigns where kind = 'triggered'")
    for name in (
        "segment_unless_triggered",
        "quiet_hours_both",
        "send_window_both",
        "holdout_percent",
        "messages_per_minute",
        "kind",
    ):
        op.drop_constraint(f"campaigns_{name}_check", "campaigns", schema="engage")
    op.create_check_constraint(
        op.f("campaigns_kind_check"), "campaigns", "kind in ('broadcast', 'recurring')", schema="engage"
    )
    op.alter_column(
        "provider_events",
        "payload",
        existing_type=postgresql.JSONB(astext_type=sa.Text()),
        comment=None,
        existing_comment="as it came",
        existing_nullable=False,
        schema="landing",
    )
    _drop_column("landing.provider_events", "detail")
    _drop_column("engage.template_versions", "change_note")
    _drop_column("engage.template_versions", "links")
    op.drop_constraint(op.f("suppressions_topic_id_fkey"), "suppressions", schema="engage", type_="foreignkey")
    op.drop_constraint("suppressions_once_key", "suppressions", schema="engage", type_="unique")
    op.create_unique_constraint(
        op.f("suppressions_contact_id_channel_reason_key"),
        "suppressions",
        ["contact_id", "channel", "reason"],
        schema="engage",
        postgresql_nulls_not_distinct=False,
    )
    op.alter_column(
        "suppressions",
        "contact_id",
        existing_type=sa.BIGINT(),
        comment=None,
        existing_comment="0: nobody known, the address alone",
        existing_nullable=False,
        schema="engage",
    )
    _drop_column("engage.suppressions", "lifted_because")
    _drop_column("engage.suppressions", "lifted_by")
    _drop_column("engage.suppressions", "lifted_at")
    _drop_column("engage.suppressions", "expires_at")
    _drop_column("engage.suppressions", "topic_id")
    op.create_foreign_key(
        op.f("message_events_message_id_fkey"),
        "message_events",
        "campaign_messages",
        ["message_id"],
        ["message_id"],
        source_schema="engage",
        referent_schema="engage",
    )
    op.alter_column(
        "message_events",
        "detail",
        existing_type=postgresql.JSONB(astext_type=sa.Text()),
        comment=None,
        existing_comment="bounce, words, link, agent, ip, as far as they were told",
        existing_nullable=False,
        schema="engage",
    )
    op.drop_constraint(op.f("campaigns_topic_id_fkey"), "campaigns", schema="engage", type_="foreignkey")
    op.alter_column(
        "campaigns",
        "segment_id",
        existing_type=sa.BIGINT(),
        nullable=False,
        comment=None,
        existing_comment="empty: triggered, for one person at a time",
        schema="engage",
    )
    _drop_column("engage.campaigns", "deadline_minutes")
    _drop_column("engage.campaigns", "window_days")
    _drop_column("engage.campaigns", "window_until")
    _drop_column("engage.campaigns", "window_from")
    _drop_column("engage.campaigns", "quiet_until")
    _drop_column("engage.campaigns", "quiet_from")
    _drop_column("engage.campaigns", "excluded_segment_ids")
    _drop_column("engage.campaigns", "holdout_percent")
    _drop_column("engage.campaigns", "counts_towards_caps")
    _drop_column("engage.campaigns", "ignores_caps")
    _drop_column("engage.campaigns", "messages_per_minute")
    _drop_column("engage.campaigns", "priority")
    _drop_column("engage.campaigns", "topic_id")
    op.drop_index(
        "campaign_runs_trigger_key",
        table_name="campaign_runs",
        schema="engage",
        postgresql_where=sa.text("trigger_key is not null"),
    )
    op.drop_constraint(
        op.f("campaign_runs_campaign_id_scheduled_for_trigger_key_key"),
        "campaign_runs",
        schema="engage",
        type_="unique",
    )
    op.create_unique_constraint(
        op.f("campaign_runs_campaign_id_scheduled_for_key"),
        "campaign_runs",
        ["campaign_id", "scheduled_for"],
        schema="engage",
        postgresql_nulls_not_distinct=False,
    )
    op.alter_column(
        "campaign_runs",
        "provider",
        existing_type=sa.TEXT(),
        comment=None,
        existing_comment="the one it began with; another real one may take over, the sandbox never",
        existing_nullable=True,
        schema="engage",
    )
    _drop_column("engage.campaign_runs", "epoch")
    _drop_column("engage.campaign_runs", "trigger_key")
    _drop_column("engage.campaign_runs", "deadline_at")
    _drop_column("engage.campaign_runs", "ignores_caps")
    _drop_column("engage.campaign_runs", "priority")
    _drop_column("engage.campaign_runs", "topic_id")
    _drop_column("engage.campaign_runs", "message_class")
    op.add_column(
        "campaign_messages",
        sa.Column("batch_position", sa.INTEGER(), autoincrement=False, nullable=True),
        schema="engage",
    )
    op.execute(POSITIONS_FROM_MEMBERS)
    _drop_column("engage.send_batches", "message_ids")
    op.create_foreign_key(
        op.f("campaign_messages_campaign_run_id_fkey"),
        "campaign_messages",
        "campaign_runs",
        ["campaign_run_id"],
        ["campaign_run_id"],
        source_schema="engage",
        referent_schema="engage",
    )
    op.create_foreign_key(
        op.f("campaign_messages_template_version_id_fkey"),
        "campaign_messages",
        "template_versions",
        ["template_version_id"],
        ["template_version_id"],
        source_schema="engage",
        referent_schema="engage",
    )
    op.create_foreign_key(
        op.f("campaign_messages_campaign_id_fkey"),
        "campaign_messages",
        "campaigns",
        ["campaign_id"],
        ["campaign_id"],
        source_schema="engage",
        referent_schema="engage",
    )
    op.create_foreign_key(
        op.f("campaign_messages_batch_id_fkey"),
        "campaign_messages",
        "send_batches",
        ["batch_id"],
        ["batch_id"],
        source_schema="engage",
        referent_schema="engage",
    )
    op.drop_index(
        op.f("campaign_messages_sent_at_idx"), table_name="campaign_messages", schema="engage", postgresql_using="brin"
    )
    op.drop_index(
        "campaign_messages_queued_idx",
        table_name="campaign_messages",
        schema="engage",
        postgresql_where=sa.text("is_queued"),
    )
    op.create_index(
        op.f("campaign_messages_queued_idx"),
        "campaign_messages",
        ["campaign_run_id", "message_id"],
        unique=False,
        schema="engage",
        postgresql_where="(state = 'queued'::text)",
    )
    op.create_index(
        op.f("campaign_messages_provider_idx"),
        "campaign_messages",
        ["provider_message_id"],
        unique=False,
        schema="engage",
        postgresql_where="(provider_message_id IS NOT NULL)",
    )
    op.create_index(
        op.f("campaign_messages_campaign_id_idx"), "campaign_messages", ["campaign_id"], unique=False, schema="engage"
    )
    op.create_index(
        op.f("campaign_messages_batch_idx"),
        "campaign_messages",
        ["batch_id"],
        unique=False,
        schema="engage",
        postgresql_where="(batch_id IS NOT NULL)",
    )
    _drop_column("engage.campaign_messages", "hold_at")
    _drop_column("engage.campaign_messages", "time_zone")
    _drop_column("engage.campaign_messages", "is_capped")
    _drop_column("engage.campaign_messages", "is_queued")
    _drop_column("engage.campaign_messages", "is_parked")
    op.drop_index(op.f("consent_records_recorded_at_idx"), table_name="consent_records", schema="engage")
    op.drop_index(
        op.f("consent_records_contact_id_channel_topic_id_occurred_at_idx"),
        table_name="consent_records",
        schema="engage",
    )
    op.drop_table("consent_records", schema="engage")
    op.drop_table("topics", schema="engage")
    op.drop_table("service_heartbeats", schema="engage")
    op.drop_table("send_quotas", schema="engage")
    op.drop_table("provider_health", schema="engage")
    op.drop_table("frequency_caps", schema="engage")
    op.drop_table("channel_providers", schema="engage")
