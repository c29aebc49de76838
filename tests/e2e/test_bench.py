"""`make bench` in a short form: everything starts, is measured, and nothing is lost."""

import pytest

from tests.e2e.test_make_commands import python

pytestmark = pytest.mark.timeout(180)


def test_bench_delivers_every_event_exactly_once() -> None:
    arguments = ["--events", "300", "--endpoints", "3", "--no-yardsticks"]

    with python("-m", "dev.bench", *arguments) as bench:
        assert bench.stdout is not None
        written = bench.stdout.read()
        status = bench.wait()

    rows = dict(line.split("  ", 1) for line in written.splitlines() if "  " in line)
    assert status == 0, written
    assert rows["accepted"].strip() == "300 (0 refused)"
    assert rows["delivered"].strip() == "300"
    assert rows["lost"].strip() == "0"
    assert rows["duplicates"].strip() == "0"
