"""That a message was sent may come out days later than it was: builds that read what is new find it by the time it came out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INDEX = "campaign_messages_learned_idx"

# now, so that the next build finds them
THOSE_SO_FAR = """
update engage.campaign_messages
set sent_learned_at = now()
where state = 'sent' and reason = 'assumed sent'
"""


def upgrade() -> None:
    op.add_column(
        "campaign_messages",
        sa.Column(
            "sent_learned_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it came out that it had been sent, where that was later",
        ),
        schema="engage",
    )
    op.execute(THOSE_SO_FAR)
    op.create_index(
        INDEX,
        "campaign_messages",
        ["sent_learned_at"],
        schema="engage",
        postgresql_where=sa.text("sent_learned_at is not null"),
    )


def downgrade() -> None:
    op.drop_index(INDEX, "campaign_messages", schema="engage")
    # with the views of dbt that read it: the next build makes them anew
    op.execute("alter table engage.campaign_messages drop column sent_learned_at cascade")
