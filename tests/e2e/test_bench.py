"""`make bench` in a short form: everything starts, is measured, and nothing is lost."""

import json
from pathlib import Path

import pytest

from tests.e2e.test_make_commands import python

pytestmark = pytest.mark.timeout(180)


def bench(tmp_path: Path, *arguments: str) -> dict[str, float]:
    """Run it with our own tools, wherever others are installed, and return the medians."""
    told = tmp_path / "bench.json"
    own = ["--publisher", "own", "--receiver", "own", "--json", str(told)]
    one = ["--api-workers", "1", "--worker-processes", "1", "--no-yardsticks"]
    with python("-m", "dev.bench", *own, *one, *arguments) as process:
        assert process.stdout is not None
        written = process.stdout.read()
        status = process.wait()

    assert status == 0, written
    median: dict[str, float] = json.loads(told.read_text())["median"]
    return median


def test_bench_delivers_every_event_exactly_once_in_each_run(tmp_path: Path) -> None:
    found = bench(tmp_path, "--events", "300", "--endpoints", "3", "--repeat", "2")

    assert (found["accepted"], found["refused"], found["delivered"]) == (300, 0, 300)
    assert (found["lost"], found["duplicates"]) == (0, 0)
    assert 0 < found["arrival_p50_ms"] <= found["arrival_p99_ms"]
    assert 7 <= found["rows_each"] < 12
    assert 0 < found["statements_each"] < 5
    assert 1_000 < found["wal_bytes_each"] < 10_000


def test_bench_drains_what_came_in_batches_while_workers_were_stopped(tmp_path: Path) -> None:
    batches = ["--mode", "batch", "--batch", "20", "--events", "200"]

    found = bench(tmp_path, *batches, "--endpoints", "4", "--fan-out", "2")

    assert (found["accepted"], found["delivered"]) == (200, 400)
    assert (found["lost"], found["duplicates"]) == (0, 0)
    assert found["accepting_cpu_worker_per_1000_s"] == 0.0
