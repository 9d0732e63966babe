"""The list of suppressions in and out of files: addresses that another system knows, and a copy for it."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from datetime import datetime
from typing import TextIO

from psycopg import Connection
from psycopg.types.json import Jsonb

from activation.compliance import consent, suppression
from activation.errors import Refused
from activation.uploads import cell, csv_rows
from engage_db import named_sql
from engage_db.tables.compliance import SUPPRESSION_REASONS

SQL = named_sql.load(__file__, "suppression")

COLUMNS = ("address", "email", "phone")
IMPORTABLE = tuple(
    reason for reason in SUPPRESSION_REASONS if reason not in ("unsubscribed_topic", "erased", "soft_bounce_run")
)
MOST_PROBLEMS_SHOWN = 10_000
EXPORTED = ("address", "channel", "reason", "topic", "source", "since", "until", "contact_id")


@dataclass(frozen=True)
class RowProblem:
    """A row that was not taken, and why."""

    line: int
    value: str
    message: str


@dataclass(frozen=True)
class ImportReport:
    """What a file did. The same file again adds nothing. `wrong` counts rows that were not taken; the first are listed."""

    rows: int
    added: int
    already: int
    wrong: int
    problems: list[RowProblem] = field(default_factory=list)


def import_csv(
    db: Connection, content: bytes, *, channel: str, reason: str, source: str, actor: str, now: datetime
) -> ImportReport:
    """Suppresses the addresses of a CSV (column address, email or phone), in the caller's transaction.

    A column `reason` overrules `reason` row by row. Rows that are wrong are reported, the others go through. What was lifted
    before stays lifted and is reported: an old file undoes no newer decision. Raises Refused for a file that is no such list.
    """
    consent.check_channel(channel)
    _check_importable(reason)
    rows, problems = 0, []
    db.execute(SQL.make_upload)
    with db.cursor().copy("copy pg_temp.suppression_upload (line, address, reason) from stdin") as copy:
        for line, address, given in _rows(content):
            rows += 1
            try:
                copy.write_row((line, suppression.normal_address(address, channel), _check_importable(given or reason)))
            except Refused as refused:
                problems.append(RowProblem(line, address, str(refused)))
    db.execute(SQL.drop_known)
    db.execute(SQL.before_import, {"channel": channel, "now": now})
    problems += [RowProblem(*row) for row in db.execute(SQL.lifted_before).fetchall()]
    already = db.execute(SQL.held_before).fetchone()
    arguments = {"channel": channel, "source": source, "evidence": Jsonb({"import": source, "by": actor}), "now": now}
    added = db.execute(SQL.take, arguments).rowcount
    assert already is not None
    return ImportReport(rows, added, already[0], len(problems), sorted(problems, key=_line)[:MOST_PROBLEMS_SHOWN])


def export_csv(db: Connection, file: TextIO, *, reason: str | None = None, now: datetime) -> int:
    """Writes what holds now and returns how many rows. Cells that a spreadsheet would compute are written as text."""
    if reason is not None:
        suppression.check_reason(reason)
    writer, written = csv.writer(file), 0
    writer.writerow(EXPORTED)
    with db.transaction(), db.cursor("suppressions") as cursor:
        cursor.itersize = 10_000
        for row in cursor.execute(SQL.export, {"reason": reason, "now": now}):
            writer.writerow(["" if value is None else _as_text(value) for value in row])
            written += 1
    return written


def _rows(content: bytes) -> list[tuple[int, str, str]]:
    header, lines = csv_rows(content)
    column = next((name for name in COLUMNS if name in header), None)
    if column is None:
        raise Refused(
            f"The first line has no column address, email or phone; it has {', '.join(header) or 'nothing'}. "
            "Name the column with the addresses."
        )
    address = header.index(column)
    reason = header.index("reason") if "reason" in header else len(header)
    # an exported number is written '+39… so that no spreadsheet computes it
    return [(line, cell(cells, address).removeprefix("'"), cell(cells, reason)) for line, cells in lines]


def _check_importable(reason: str) -> str:
    if reason not in IMPORTABLE:
        raise Refused(f"{reason} cannot be imported: choose {', '.join(IMPORTABLE)}.")
    return reason


def _as_text(value: object) -> str:
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _line(problem: RowProblem) -> int:
    return problem.line
