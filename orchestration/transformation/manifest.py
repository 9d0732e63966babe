"""The dbt manifest: parsed anew whenever a file of the project is newer. Needs no database."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

from engage_db.settings import PROJECT_ROOT

DBT_DIRECTORY = PROJECT_ROOT / "dbt_project"
MANIFEST = DBT_DIRECTORY / "target" / "manifest.json"
DBT = Path(sys.executable).with_name("dbt")  # of this environment, on PATH or not

SOURCES = ("dbt_project.yml", "profiles.yml", "models/**/*", "macros/**/*", "seeds/**/*", "tests/**/*")


class DbtProjectInvalid(Exception):
    """The dbt project does not parse; the message is dbt's own."""


def current_manifest() -> Path:
    """The manifest of the project as it is now. Raises DbtProjectInvalid with what dbt says."""
    MANIFEST.parent.mkdir(exist_ok=True)
    with (MANIFEST.parent / "parse.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not MANIFEST.exists() or _newest_source() > MANIFEST.stat().st_mtime:
            _parse()
    return MANIFEST


def _newest_source() -> float:
    """Time of the last change; a folder's own time changes when a file in it is added or removed."""
    return max(path.stat().st_mtime for pattern in SOURCES for path in DBT_DIRECTORY.glob(pattern))


def _parse() -> None:
    folder = str(DBT_DIRECTORY)
    command = [str(DBT), "--quiet", "parse", "--project-dir", folder, "--profiles-dir", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=DBT_DIRECTORY)
    if done.returncode:
        raise DbtProjectInvalid(
            f"The dbt project in {DBT_DIRECTORY.name}/ does not parse:\n{done.stdout}{done.stderr}".strip()
        )
    MANIFEST.touch()
