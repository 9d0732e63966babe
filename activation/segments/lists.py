"""Uploaded lists of contacts: read tolerantly, matched in one statement, every row that does not match reported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from psycopg import Connection

from activation.errors import Refused
from activation.segments import commands
from activation.uploads import cell, csv_rows
from engage_db import named_sql

SQL = named_sql.load(__file__)

COLUMNS = ("contact_id", "crm_customer_id", "email")
MOST_PROBLEMS_SHOWN = 10_000
LARGEST_BIGINT = 2**63 - 1


@dataclass(frozen=True)
class ListRow:
    """A line of an upload and who it names."""

    line: int
    value: str


@dataclass(frozen=True)
class Upload:
    """What a file names contacts by, and its rows."""

    column: Literal["contact_id", "crm_customer_id", "email"]
    rows: list[ListRow]


@dataclass(frozen=True)
class RowProblem:
    """A row that names nobody, or not just one."""

    line: int
    value: str
    message: str


@dataclass(frozen=True)
class ListReport:
    """What an upload did. Uploading the same again adds nothing."""

    rows: int
    added: int
    removed: int
    already: int
    problems: list[RowProblem] = field(default_factory=list)


def read_csv(content: bytes) -> Upload:
    """The rows of a CSV in UTF-8 or UTF-16, separated by comma, semicolon or tab. Raises Refused when no column names contacts."""
    header, lines = csv_rows(content)
    column = next((name for name in COLUMNS if name in header), None)
    if column is None:
        raise Refused(
            f"The first line has no column {', '.join(COLUMNS[:-1])} or {COLUMNS[-1]}; it has {', '.join(header) or 'nothing'}. "
            "Name the column by which contacts are found."
        )
    position = header.index(column)
    return Upload(column, [ListRow(line, cell(cells, position)) for line, cells in lines])  # type: ignore[arg-type]


def of_ids(contact_ids: Iterable[int]) -> Upload:
    """The same for ids that a program sends."""
    return Upload("contact_id", [ListRow(number, str(each)) for number, each in enumerate(contact_ids, 1)])


def upload(
    db: Connection,
    key: str,
    content: Upload,
    *,
    mode: Literal["add", "replace", "remove"] = "add",
    actor: str,
    now: datetime,
) -> ListReport:
    """Adds the contacts of a file to a manual segment, puts them in its place, or takes them off it.

    Rows that match go through, the others are reported. Raises Refused when the segment is no list.
    """
    segment = commands.show(db, key)
    if segment.kind != "manual":
        raise Refused(f"{key} is a {segment.kind} segment: only manual ones are lists.")
    with db.transaction():
        db.execute(SQL.make_upload)
        with db.cursor().copy("copy pg_temp.upload (line, value) from stdin (format binary)") as copy:
            copy.set_types(["bigint", "text"])
            for row in content.rows:
                copy.write_row((row.line, row.value))
        db.execute(
            {
                "contact_id": SQL.match_contact_id,
                "crm_customer_id": SQL.match_crm_customer_id,
                "email": SQL.match_email,
            }[content.column]
        )
        arguments = {"segment_id": segment.segment_id, "actor": actor, "now": now, "mode": mode}
        counted = db.execute(SQL.take_off if mode == "remove" else SQL.put_on, arguments).fetchone()
        problems = [RowProblem(*row) for row in db.execute(SQL.problems, {"limit": MOST_PROBLEMS_SHOWN}).fetchall()]
    assert counted is not None
    added, removed, already = counted
    return ListReport(len(content.rows), added, removed, already, problems)
