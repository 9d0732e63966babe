"""The `function` kind: a Python callable of an installed package, run in a process of its own.

A package registers it under the entry point group `equeengage.segments`; it is called as `function(connection, **arguments)`
with a read-only connection to the public schemas, and returns contact ids or a SELECT.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from psycopg import Connection

from activation.segments.catalogue import Catalogue
from activation.segments.kinds.contract import Members, MembersUnavailable
from activation.segments.kinds.read_only import reader_url
from activation.segments.kinds.sql_query import read_members, take_ids
from activation.segments.problems import Problem
from engage_db.settings import load_settings

GROUP = "equeengage.segments"


class PythonFunctionKind:
    """Definition: `function`, the name of an entry point, and `arguments`, passed by keyword."""

    def validate(self, definition: Mapping[str, Any], _catalogue: Catalogue) -> list[Problem]:
        unknown = sorted(definition.keys() - {"function", "arguments"})
        problems = [
            Problem(name, "is not known here: a function segment takes function and arguments") for name in unknown
        ]
        if not isinstance(definition.get("arguments", {}), dict):
            problems.append(Problem("arguments", "must be an object of names and values"))
        registered = sorted(functions())
        if definition.get("function") not in registered:
            listed = ", ".join(registered) or f"none: install a package with an entry point of the group {GROUP}"
            problems.append(
                Problem("function", f"there is no function {definition.get('function')}; there are {listed}")
            )
        return problems

    def members(
        self,
        db: Connection,
        definition: Mapping[str, Any],
        _catalogue: Catalogue,
        *,
        segment_id: int | None,
        at: datetime,
    ) -> Members:
        del segment_id
        settings = load_settings()
        name = str(definition["function"])
        if (function := functions().get(name)) is None:
            raise MembersUnavailable(
                f"the function {name} is not installed here: install the package that brings it, or choose another function"
            )
        task = {
            "entry_point": function.value,
            "arguments": definition.get("arguments", {}),
            "url": reader_url(db),
            "seconds": settings.segment_function_timeout_seconds,
            "megabytes": settings.segment_function_megabytes,
            "limit": settings.segment_sql_row_limit,
            "at": at.isoformat(),
        }
        return _run(db, task)


def functions() -> dict[str, EntryPoint]:
    """The registered functions by name."""
    return {found.name: found for found in entry_points(group=GROUP)}


def _run(db: Connection, task: Mapping[str, Any]) -> Members:
    """Its process answers with one line of JSON, and then ids, eight bytes each."""
    child = subprocess.Popen(
        [sys.executable, "-m", "activation.segments.kinds.function_process"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        output, errors = child.communicate(json.dumps(task).encode(), timeout=task["seconds"] + 5)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)  # with the programs that it started, which hold our pipes open
        child.communicate()
        raise MembersUnavailable(f"the function took longer than {task['seconds']:g} seconds and was stopped") from None
    head, _, body = output.partition(b"\n")
    if child.returncode or not head:
        lines = errors.decode(errors="replace").strip().splitlines()
        ended = f"its process ended with {child.returncode}" if not lines else lines[-1]
        raise MembersUnavailable(f"the function was stopped: {ended}")
    answer = _read(head)
    if "problem" in answer:
        raise MembersUnavailable(str(answer["problem"]))
    if "sql" in answer:
        return read_members(db, answer["sql"])
    return take_ids(db, _ids(body), int(task["limit"]))


def _read(head: bytes) -> dict[str, Any]:
    with suppress(ValueError):
        answer = json.loads(head)
        if isinstance(answer, dict):
            return answer
    printed = head[:80].decode(errors="replace")
    raise MembersUnavailable(f"the function's answer cannot be read: its process printed {printed!r} first")


def _ids(body: bytes) -> Iterator[int]:
    for start in range(0, len(body), 8):
        yield int.from_bytes(body[start : start + 8], "big", signed=True)
