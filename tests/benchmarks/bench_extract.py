"""Extraction against a psql pipe into the same keyed table, and against dlt: one table of ten columns, a million rows at scale 1."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from engage_db import migrate
from engage_db.connection import connect
from engage_db.embedded import BINARIES, Cluster
from orchestration.extraction.mirror import drop_mirror
from orchestration.extraction.registry import CrmTable
from orchestration.extraction.sync import sync_table
from tests.benchmarks.rows import row

TABLE = CrmTable(name="bench", description="", key=("id",), changed_at="updated_at")
ROWS = 1_000_000
REPEATS = 3
DLT_SHARE = 5  # dlt gets a fifth of the rows: its rows per second do not depend on how many there are

SOURCE = """
create table bench as
select g::bigint as id, 'Name ' || g as name, md5(g::text) || '@example.com' as email, (g % 7)::int as kind, g * 1.5 as amount,
    g % 2 = 0 as is_active, 'City ' || g % 100 as city, now() - g * interval '1 second' as created_at, repeat('x', 20) as note,
    now() - interval '1 hour' as updated_at
from generate_series(1, {rows}) g;
alter table bench add primary key (id);
create index on bench (updated_at, id);
vacuum analyze bench;
"""


def measure(scale: float) -> list[dict[str, Any]]:
    """Rows of the table that `engage bench extract` prints."""
    rows = max(10_000, int(ROWS * scale))
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder)).start(databases=("crm", "engage"))
        try:
            with psycopg.connect(cluster.url("crm"), autocommit=True) as crm:
                for statement in SOURCE.format(rows=rows).split(";"):
                    if statement.strip():
                        crm.execute(statement)  # type: ignore[arg-type]
            migrate.upgrade(cluster.url("engage"))
            return _measure(cluster, rows)
        finally:
            cluster.stop()


def _measure(cluster: Cluster, rows: int) -> list[dict[str, Any]]:
    crm_url, engage_url = cluster.url("crm"), cluster.url("engage")
    with connect(crm_url, setting="crm") as crm, connect(engage_url, setting="engage") as engage:

        def first_load() -> None:
            drop_mirror(engage, TABLE)
            engage.commit()
            _timed(lambda: sync_table(crm, engage, TABLE), ours)

        def pipe() -> None:
            engage.execute(
                "drop table if exists public.piped; create table public.piped (like raw_crm.bench including all)"
            )
            engage.commit()
            columns = "id, name, email, kind, amount, is_active, city, created_at, note, updated_at"
            command = (
                f"{BINARIES}/psql -Xq '{crm_url}' -c 'copy bench to stdout' | "
                f"{BINARIES}/psql -Xq '{engage_url}' -c 'copy piped ({columns}) from stdin'"
            )
            _timed(lambda: subprocess.run(command, shell=True, check=True), piped)

        ours: list[float] = []
        piped: list[float] = []
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(REPEATS):
            first_load()
            pipe()
        memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024

        inserts: list[float] = []
        for _ in range(REPEATS):
            engage.execute("truncate raw_crm.bench")
            engage.execute("delete from engage.sync_checkpoints")
            engage.commit()
            _timed(lambda: sync_table(crm, engage, TABLE), inserts)

        upserts: list[float] = []
        for _ in range(REPEATS):
            with psycopg.connect(crm_url, autocommit=True) as writer:
                writer.execute("update bench set amount = amount + 1, updated_at = now()")
                writer.execute("vacuum bench")
            _timed(lambda: sync_table(crm, engage, TABLE), upserts)
            engage.autocommit = True
            engage.execute("vacuum raw_crm.bench")
            engage.autocommit = False

        steps: list[float] = []
        for number in range(REPEATS):
            with psycopg.connect(crm_url, autocommit=True) as writer:
                writer.execute(
                    "update bench set updated_at = now() - interval '1 day' where updated_at > now() - interval '1 hour'"
                )
                writer.execute(
                    "update bench set amount = amount + 1, updated_at = now() where id %% 100 = %s", [number]
                )
                writer.execute("vacuum analyze bench")
            _timed(lambda: sync_table(crm, engage, TABLE), steps)

    fastest, pipe_rate = rows / min(ours), rows / min(piped)
    dlt_first, dlt_merge = _dlt(crm_url, engage_url, rows // DLT_SHARE)
    insert_rate = rows / min(inserts)
    upsert_rate, step = rows / min(upserts), statistics.median(steps)
    return [
        row("first load / psql pipe", ours=fastest, reference=pipe_rate, unit="rows/s", target="≥ 0.9 ×", ok=fastest >= 0.9 * pipe_rate),
        row("first load / dlt", ours=fastest, reference=dlt_first, unit="rows/s", target="≥ 5 ×", ok=fastest >= 5 * dlt_first),
        row(
            "upsert, every row new / psql pipe",
            ours=insert_rate,
            reference=pipe_rate,
            unit="rows/s",
            target="≥ 0.45 ×",
            ok=insert_rate >= 0.45 * pipe_rate,
        ),
        row(
            "upsert, every row new / dlt merge",
            ours=insert_rate,
            reference=dlt_merge,
            unit="rows/s",
            target="≥ 4 ×",
            ok=insert_rate >= 4 * dlt_merge,
        ),
        row("upsert, every row changed / psql pipe", ours=upsert_rate, reference=pipe_rate, unit="rows/s", target="≥ 0.45 ×", ok=upsert_rate >= 0.45 * pipe_rate),
        row("upsert, every row changed / dlt merge", ours=upsert_rate, reference=dlt_merge, unit="rows/s", target="≥ 4 ×", ok=upsert_rate >= 4 * dlt_merge),
        row(f"1 % of {rows:,} rows changed / full load", ours=step, reference=min(ours), unit="s", target="≤ 0.2 s", ok=step <= 0.2),
        row("memory the loads added / limit", ours=memory, reference=100, unit="MB", target="≤ 100 MB", ok=memory <= 100),
    ]  # fmt: skip


def _dlt(crm_url: str, engage_url: str, rows: int) -> tuple[float, float]:
    """dlt's rows per second: first load, and merge of the same rows."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        import dlt
        from dlt.sources.sql_database import sql_table
        from sqlalchemy import create_engine

        with psycopg.connect(crm_url, autocommit=True) as crm:
            crm.execute("drop table if exists for_dlt; create table for_dlt as select * from bench limit " + str(rows))  # type: ignore[arg-type]
            crm.execute("alter table for_dlt add primary key (id)")
        pipeline = dlt.pipeline(
            "bench", pipelines_dir=folder, destination=dlt.destinations.postgres(engage_url), dataset_name="dlt_bench"
        )
        engine = create_engine(crm_url.replace("postgresql://", "postgresql+psycopg2://"))
        rates = []
        for _ in range(2):
            table = sql_table(engine, table="for_dlt", backend="pyarrow", reflection_level="full_with_precision")
            table.apply_hints(primary_key="id", write_disposition="merge")
            started = time.perf_counter()
            pipeline.run(table)
            rates.append(rows / (time.perf_counter() - started))
        engine.dispose()
    return rates[0], rates[1]


def _timed(work: Callable[[], Any], into: list[float]) -> None:
    started = time.perf_counter()
    work()
    into.append(time.perf_counter() - started)
