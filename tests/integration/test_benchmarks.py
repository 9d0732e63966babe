"""That a benchmark still runs, and that what it compares agrees: on a company small enough for a test."""

from __future__ import annotations

import pytest

from tests.benchmarks import bench_segments


@pytest.mark.slow
def test_the_compiler_sql_by_hand_and_duckdb_find_the_same_people_in_all_reference_segments():
    with bench_segments._company(0.001) as bench:
        lines = bench_segments._references(bench)

    agreeing = next(line for line in lines if line["work"] == "the three find the same people / all")
    assert agreeing["ok"], [line["work"] for line in lines if "BUT" in line["work"]]
