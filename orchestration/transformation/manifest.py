"""The dbt manifest: parsed anew whenever the files of the project are others. Needs no database."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

from engage_db.settings import PROJECT_ROOT

DBT_DIRECTORY = PROJECT_ROOT / "dbt_project"
DBT = Path(sys.executable).with_name("dbt")  # of this environment, on PATH or not

SOURCES = (
    "dbt_project.yml",
    "profiles.yml",
    "models/**/*",
    "macros/**/*",
    "seeds/**/*",
    "snapshots/**/*",
    "tests/**/*",
)


class DbtProjectInvalid(Exception):
    """The dbt project does not parse; the message is dbt's own."""


def current_manifest(project: Path = DBT_DIRECTORY) -> Path:
    """The manifest of the project as it is now. Raises DbtProjectInvalid with what dbt says."""
    target = project / "target"
    manifest, parsed = target / "manifest.json", target / "parsed_sources"
    target.mkdir(exist_ok=True)
    with (target / "parse.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # taken before dbt reads: a file that changes or goes meanwhile makes the next look parse again
        sources = _fingerprint(project)
        if not (manifest.exists() and parsed.exists() and parsed.read_text() == sources):
            _parse(project)
            parsed.write_text(sources)
    return manifest


def _fingerprint(project: Path) -> str:
    """Changes with the name, size or time of any source file. Times alone would not tell of a file that is gone."""
    files = {path for pattern in SOURCES for path in project.glob(pattern) if path.is_file()}
    state = ((str(path.relative_to(project)), path.stat()) for path in sorted(files))
    return hashlib.sha256(repr([(name, at.st_size, at.st_mtime_ns) for name, at in state]).encode()).hexdigest()


def _parse(project: Path) -> None:
    command = [str(DBT), "--quiet", "parse", "--project-dir", str(project), "--profiles-dir", str(project)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=project)
    if done.returncode:
        raise DbtProjectInvalid(
            f"The dbt project in {project.name}/ does not parse:\n{done.stdout}{done.stderr}".strip()
        )
