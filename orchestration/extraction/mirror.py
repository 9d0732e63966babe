"""The mirror of a CRM table in raw_crm: its columns follow the CRM's, plus `_extracted_at` and `_deleted_at`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from psycopg import Connection, sql
from psycopg.rows import class_row

from orchestration.extraction.registry import CrmTable

SCHEMA = "raw_crm"

COLUMNS = """
select a.attname as name,
       format_type(coalesce(nullif(t.typbasetype, 0), a.atttypid), a.atttypmod) as type,
       coalesce(e.typelem, 0) <> 0 and el.oid >= 16384 or coalesce(nullif(t.typbasetype, 0), t.oid) >= 16384 as is_custom
from pg_attribute a
join pg_type t on t.oid = a.atttypid
left join pg_type e on e.oid = coalesce(nullif(t.typbasetype, 0), t.oid) and e.typcategory = 'A'
left join pg_type el on el.oid = e.typelem
where a.attrelid = to_regclass(format('%%I.%%I', %(schema)s::text, %(table)s::text))
  and a.attnum > 0 and not a.attisdropped
order by a.attnum
"""


class CrmTableProblem(Exception):
    """A CRM table is missing or no longer fits its mirror; the message says which and how to mend it."""


@dataclass(frozen=True)
class MirrorColumn:
    """A column of the CRM; types that only the CRM's database knows (enums, say) are read as text."""

    name: str
    type: str
    is_custom: bool

    @property
    def mirror_type(self) -> str:
        return "text" if self.is_custom else self.type

    @property
    def selected(self) -> sql.Composable:
        column = sql.Identifier(self.name)
        return sql.SQL("{}::text").format(column) if self.is_custom else column


def mirror_name(table: CrmTable) -> sql.Identifier:
    """raw_crm.<name>, quoted."""
    return sql.Identifier(SCHEMA, table.name)


def columns_in(db: Connection, schema: str, name: str) -> list[MirrorColumn]:
    """The columns of a table in their order; none when it does not exist or may not be seen."""
    with db.cursor(row_factory=class_row(MirrorColumn)) as cursor:
        return cursor.execute(COLUMNS, {"schema": schema, "table": name}).fetchall()


def crm_columns(crm: Connection, table: CrmTable) -> list[MirrorColumn]:
    """The columns to mirror. Raises CrmTableProblem when table, key or cursor column are not in the CRM."""
    schema, name = table.source_parts
    found = columns_in(crm, schema, name)
    if not found:
        raise CrmTableProblem(
            f"The CRM has no table {schema}.{name}, which crm_tables.yaml lists as {table.name}. "
            "Mend its `source`, take the entry out, or point CRM_DATABASE_URL at the right database."
        )
    names = {column.name for column in found}
    for role, wanted in (
        ("key", table.key),
        ("changed_at", (table.changed_at,)),
        ("contact", (table.contact,) if table.contact else ()),
        ("columns", table.columns or ()),
    ):
        missing = [column for column in wanted if column not in names]
        if missing:
            raise CrmTableProblem(
                f"The CRM table {schema}.{name} has no column {', '.join(missing)}, which crm_tables.yaml names as "
                f"`{role}` of {table.name}. Its columns: {', '.join(sorted(names))}."
            )
    needed = (
        names
        if table.columns is None
        else {*table.columns, *table.key, table.changed_at, *([table.contact] if table.contact else [])}
    )
    return [column for column in found if column.name in needed]


def prepare_mirror(
    engage: Connection, table: CrmTable, columns: list[MirrorColumn]
) -> Literal["made", "grown", "as it was"]:
    """Makes the mirror, without indexes yet, or adds the columns that the CRM has gained. Says which it did.

    Columns that the CRM dropped stay, with their last values. Raises CrmTableProblem when a type changed.
    """
    mirror = mirror_name(table)
    present = {column.name: column for column in columns_in(engage, SCHEMA, table.name)}
    if not present:
        engage.execute(_create(table, columns))
        return "made"
    has_grown = False
    for column in columns:
        if column.name not in present:
            has_grown = True
            engage.execute(
                sql.SQL("alter table {} add column {} {}").format(
                    mirror,
                    sql.Identifier(column.name),
                    sql.SQL(column.mirror_type),
                )
            )
        elif present[column.name].type != column.mirror_type:
            raise CrmTableProblem(
                f"The CRM changed {table.name}.{column.name} from {present[column.name].type} to {column.mirror_type}. "
                f"`engage crm reload {table.name}` builds its mirror anew."
            )
    _index_contact(engage, table)
    return "grown" if has_grown else "as it was"


def index_mirror(engage: Connection, table: CrmTable) -> None:
    """The indexes of a mirror that was just filled: made once, after the rows, they cost a fraction.

    `_extracted_at` grows with the table, so a block range index finds what is new, and costs an upsert next to nothing.
    """
    mirror, key = mirror_name(table), sql.SQL(", ").join(map(sql.Identifier, table.key))
    engage.execute(sql.SQL("alter table {} add primary key ({})").format(mirror, key))
    engage.execute(sql.SQL("create index on {} using brin (_extracted_at) with (pages_per_range = 16)").format(mirror))
    engage.execute(sql.SQL("create index on {} ({}) where _deleted_at is not null").format(mirror, key))
    _index_contact(engage, table)


def _index_contact(engage: Connection, table: CrmTable) -> None:
    """What one person did is looked up by live segments."""
    if table.contact and (table.contact,) != table.key:
        engage.execute(
            sql.SQL("create index if not exists {} on {} ({})").format(
                sql.Identifier(f"{table.name[:50]}_contact_idx"), mirror_name(table), sql.Identifier(table.contact)
            )
        )


def drop_mirror(engage: Connection, table: CrmTable) -> None:
    """Forgets mirror and checkpoint, with the dbt views over it; the next sync and build bring them back."""
    engage.execute(sql.SQL("drop table if exists {} cascade").format(mirror_name(table)))
    engage.execute("delete from engage.sync_checkpoints where table_name = %s", [table.name])


def _create(table: CrmTable, columns: list[MirrorColumn]) -> sql.Composed:
    return sql.SQL(
        "create table {} ({}, _extracted_at timestamptz not null default transaction_timestamp(), "
        "_deleted_at timestamptz)"
    ).format(
        mirror_name(table),
        sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.mirror_type)) for column in columns
        ),
    )
