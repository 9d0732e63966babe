"""The process in which one segment function runs: bounded in time and memory, with a connection that can only read."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from importlib import import_module
from typing import Any, BinaryIO

import psycopg


def main() -> None:
    """Reads the task from standard input; writes one line of JSON and then the ids."""
    task = json.load(sys.stdin)
    # what the function and programs that it starts print is no answer
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, task["seconds"])
    megabytes = task["megabytes"] * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (megabytes, megabytes))
    try:
        _answer(task, answer)
    except TimeoutError:
        _say(answer, {"problem": f"the function took longer than {task['seconds']:g} seconds and was stopped"})
    except MemoryError:
        _say(answer, {"problem": f"the function needs more than {task['megabytes']} MB and was stopped"})
    except Exception as error:  # noqa: BLE001 - whatever it raises is told to its author
        _say(answer, {"problem": f"the function raised {type(error).__name__}: {error}"})


def _answer(task: dict[str, Any], answer: BinaryIO) -> None:
    module, _, name = task["entry_point"].partition(":")
    function = getattr(import_module(module), name)
    options = (
        f"-c default_transaction_read_only=on -c statement_timeout={int(task['seconds'] * 1000)}ms -c timezone=UTC"
    )
    with psycopg.connect(
        task["url"], options=options, autocommit=True, application_name="engage segment function"
    ) as db:
        returned = function(db, **task["arguments"])
        if isinstance(returned, str):
            _say(answer, {"sql": returned})
            return
        packed = bytearray()
        for number, each in enumerate(returned, 1):
            if number > task["limit"]:
                _say(answer, {"problem": f"the function returns more than {task['limit']:,} ids"})
                return
            if isinstance(each, bool) or not isinstance(each, int) or not -(2**63) <= each < 2**63:
                _say(answer, {"problem": f"the function returns {each!r}, which is no contact id"})
                return
            packed += each.to_bytes(8, "big", signed=True)
    _say(answer, {})
    answer.write(packed)
    answer.flush()


def _say(answer: BinaryIO, words: dict[str, Any]) -> None:
    answer.write(json.dumps(words).encode() + b"\n")
    answer.flush()


def _too_long(_signal: int, _frame: object) -> None:
    raise TimeoutError


if __name__ == "__main__":
    main()
