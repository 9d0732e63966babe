"""A run keeps the hours that its campaign had at its time: an automation that is edited meanwhile changes them from the next one on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

HOURS = ("quiet_from", "quiet_until", "window_from", "window_until")

OPEN_RUNS_HAVE_THEM = """
update engage.campaign_runs run
set quiet_from = campaign.quiet_from, quiet_until = campaign.quiet_until, window_from = campaign.window_from,
    window_until = campaign.window_until, window_days = campaign.window_days
from engage.campaigns campaign
where campaign.campaign_id = run.campaign_id and run.snapshot_at is not null and run.finished_at is null
"""


def upgrade() -> None:
    for name in HOURS:
        op.add_column("campaign_runs", sa.Column(name, sa.Time(), nullable=True), schema="engage")
    op.add_column(
        "campaign_runs",
        sa.Column(
            "window_days",
            postgresql.ARRAY(sa.Integer()),
            nullable=True,
            comment="this and the four before as the campaign had them at its time",
        ),
        schema="engage",
    )
    op.execute(OPEN_RUNS_HAVE_THEM)


def downgrade() -> None:
    for name in (*HOURS, "window_days"):
        op.drop_column("campaign_runs", name, schema="engage")
