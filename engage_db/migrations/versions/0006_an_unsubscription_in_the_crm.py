"""Since when the CRM says that a person is unsubscribed: newer than an opt-in on record, it overrules it."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# plpgsql: what it reads is made by the first build
CRM_UNSUBSCRIBED_AT = """
create function engage.crm_unsubscribed_at(person bigint, channel text) returns timestamptz
language plpgsql stable
as $$
begin
    -- of somebody whose flag is unsubscribed now: when it turned to that, or else the first that is known of the person;
    -- infinity where nothing is known, and while the newest version does not know it yet
    return (
        select coalesce(
            max(coalesce(valid_to, 'infinity')) filter (where flag is distinct from 'unsubscribed'), min(valid_from), 'infinity'
        )
        from (
            select valid_from, valid_to, to_jsonb(version) ->> (channel || '_consent') as flag
            from core.contact_history version
            where contact_id = person
        ) versions
    );
end
$$
"""


def upgrade() -> None:
    op.execute(CRM_UNSUBSCRIBED_AT)


def downgrade() -> None:
    op.execute("drop function engage.crm_unsubscribed_at")
