"""Files that people upload: read tolerantly, refused in words."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from activation.errors import Refused


def csv_rows(content: bytes) -> tuple[list[str], Iterator[tuple[int, Sequence[str]]]]:
    """The header in small letters with _, and the numbered lines that are not blank, of a CSV in UTF-8 or UTF-16.

    Separated by comma, semicolon or tab. Raises Refused, also while the lines are read.
    """
    text = _decoded(content)
    delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = [name.strip().lower().replace(" ", "_") for name in next(reader, [])]
    return header, _lines(reader)


def cell(cells: Sequence[str], position: int) -> str:
    """A trimmed cell, empty where the line is too short; Postgres takes no NUL."""
    return cells[position].strip().replace("\x00", "�") if position < len(cells) else ""


def _lines(reader: Iterator[Sequence[str]]) -> Iterator[tuple[int, Sequence[str]]]:
    try:
        for line, cells in enumerate(reader, start=2):
            if any(each.strip() for each in cells):
                yield line, cells
    except csv.Error as error:
        raise Refused(
            f"The file cannot be read as CSV after line {getattr(reader, 'line_num', '?')}: {error}"
        ) from error


def _decoded(content: bytes) -> str:
    for signature, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if content.startswith(signature):
            return _decode(content, encoding)
    return _decode(content, "utf-8")


def _decode(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise Refused(
            f"The file is not {encoding.upper()} at byte {error.start}: save it as CSV UTF-8 and upload it again."
        ) from None
