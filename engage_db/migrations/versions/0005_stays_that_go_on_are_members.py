"""A stay that goes on is the member itself: the history stores only those that are over, and each entry is written once.

The table of all stays becomes that of the past ones; under its name is a view of both.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

HISTORY = """
create view engage.segment_membership_history as
select segment_id, contact_id, entered_at, null::timestamptz as exited_at from engage.segment_members
union all
select segment_id, contact_id, entered_at, exited_at from engage.segment_past_stays
"""

# views that stood on the table, such as dbt's, followed it to its new name, where most stays are missing
VIEWS_READ_THE_HISTORY = """
do $$
declare
    reader regclass;
begin
    for reader in
        select distinct rewrite.ev_class::regclass
        from pg_depend depend
        join pg_rewrite rewrite on rewrite.oid = depend.objid
        where depend.classid = 'pg_rewrite'::regclass and depend.refobjid = 'engage.segment_past_stays'::regclass
          and rewrite.ev_class <> 'engage.segment_membership_history'::regclass
    loop
        execute format(
            'create or replace view %s as %s', reader,
            replace(pg_get_viewdef(reader), 'segment_past_stays', 'segment_membership_history')
        );
    end loop;
end
$$
"""


def upgrade() -> None:
    _rename("segment_membership_history", "segment_past_stays")
    op.execute(
        "create temp table past on commit drop as select * from engage.segment_past_stays where exited_at is not null"
    )
    op.execute("truncate engage.segment_past_stays")
    op.execute("insert into engage.segment_past_stays select * from past")
    for name in ("segment_membership_history_open_key", *_own_indexes("segment_past_stays")):
        op.execute(f"drop index engage.{name}")
    op.alter_column("segment_past_stays", "exited_at", nullable=False, comment=None, schema="engage")
    for column in ("entered_at", "exited_at"):
        op.create_index(op.f(f"segment_past_stays_{column}_idx"), "segment_past_stays", [column], schema="engage")
    op.create_index(
        op.f("segment_members_entered_at_idx"), "segment_members", ["entered_at"],
        schema="engage", postgresql_using="brin",
    )  # fmt: skip
    op.execute(HISTORY)
    op.execute(VIEWS_READ_THE_HISTORY)


def downgrade() -> None:
    op.execute("drop view engage.segment_membership_history cascade")
    op.drop_index(op.f("segment_members_entered_at_idx"), "segment_members", schema="engage")
    _rename("segment_past_stays", "segment_membership_history")
    for name in _own_indexes("segment_membership_history"):
        op.execute(f"drop index engage.{name}")
    op.alter_column(
        "segment_membership_history", "exited_at", nullable=True, schema="engage",
        comment="empty while the stay lasts; coming back opens a new row",
    )  # fmt: skip
    op.execute(
        "insert into engage.segment_membership_history (segment_id, contact_id, entered_at) "
        "select segment_id, contact_id, entered_at from engage.segment_members"
    )
    op.create_index(
        op.f("segment_membership_history_entered_at_idx"), "segment_membership_history", ["entered_at"],
        schema="engage", postgresql_using="brin",
    )  # fmt: skip
    op.create_index(
        op.f("segment_membership_history_exited_at_idx"), "segment_membership_history", ["exited_at"],
        schema="engage", postgresql_where=sa.text("exited_at is not null"),
    )  # fmt: skip
    op.create_index(
        "segment_membership_history_open_key", "segment_membership_history", ["segment_id", "contact_id"],
        unique=True, schema="engage", postgresql_where=sa.text("exited_at is null"),
    )  # fmt: skip


def _own_indexes(table: str) -> list[str]:
    return [f"{table}_{column}_idx" for column in ("entered_at", "exited_at")]


def _rename(before: str, after: str) -> None:
    op.execute(f"alter table engage.{before} rename to {after}")
    op.execute(f"alter table engage.{after} rename constraint {before}_pkey to {after}_pkey")
    for column in ("contact_id", "entered_at", "exited_at"):
        op.execute(f"alter index engage.{before}_{column}_idx rename to {after}_{column}_idx")
