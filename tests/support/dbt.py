"""Runs dbt as a build does: the command of this environment, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from engage_db.connection import dbt_environment
from engage_db.settings import PROJECT_ROOT

DBT = Path(sys.executable).with_name("dbt")
PROJECT = PROJECT_ROOT / "dbt_project"


class DbtFailed(AssertionError):
    """dbt ended with an error; the message is all that it said."""


def run_dbt(url: str | None, *arguments: str, target_path: Path, project: Path = PROJECT) -> str:
    """What dbt printed. Without a URL it runs in an environment that says nothing of a database.

    Raises DbtFailed when a model, a test or a unit test did not pass.
    """
    running = start_dbt(url, *arguments, target_path=target_path, project=project)
    said, _ = running.communicate()
    if running.returncode:
        raise DbtFailed(f"dbt {' '.join(arguments)}\n{said}")
    return said


def start_dbt(url: str | None, *arguments: str, target_path: Path, project: Path = PROJECT) -> subprocess.Popen[str]:
    """The same, running."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DBT_", "ENGAGE_"))}
    environment |= {"DBT_TARGET_PATH": str(target_path), "DBT_LOG_PATH": str(target_path)}
    environment |= dbt_environment(url) if url else {}
    command = [DBT, "--no-use-colors", *arguments, "--project-dir", project, "--profiles-dir", project]
    return subprocess.Popen(
        command, env=environment, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
