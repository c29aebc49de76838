"""The arithmetic of `make bench`."""

import json
import math
from collections.abc import Sequence

import pytest

from dev.bench.database import Reading, count_statements
from dev.bench.figures import (
    Percentiles,
    Run,
    costs_between,
    figures_of,
    per_thousand,
    percentile,
    rate,
)
from dev.bench.options import read_options
from dev.bench.processor_time import Spent, stat_fields
from dev.bench.publisher import make_payload

MS = 1_000_000


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        pytest.param([7.0], 0.5, 7.0, id="one value is every percentile"),
        pytest.param([4.0, 1.0, 3.0, 2.0], 0.5, 2.0, id="half do not exceed the second"),
        pytest.param(range(1, 101), 0.95, 95, id="nearest rank, no interpolation"),
        pytest.param(range(1, 101), 0.99, 99, id="one in a hundred is above"),
        pytest.param([1.0, 2.0], 0.99, 2.0, id="few values give the largest"),
    ],
)
def test_percentile_is_the_nearest_rank(
    values: Sequence[float], share: float, expected: float
) -> None:
    assert percentile(values, share) == expected


def test_nothing_has_no_percentile() -> None:
    assert math.isnan(percentile([], 0.5))


def test_rates_and_costs_survive_nothing() -> None:
    assert rate(500, 1_000 * MS, 3_000 * MS) == 250.0
    assert rate(1, 5, 5) == 0.0
    assert per_thousand(3.0, 1_500) == 2.0
    assert math.isnan(per_thousand(3.0, 0))


def test_figures_count_what_is_lost_and_what_came_twice() -> None:
    run = Run(
        accepted=[("msg_1", 0, 10 * MS), ("msg_2", 100 * MS, 500 * MS)],
        arrivals={"/0 msg_1": 20 * MS, "/1 msg_1": 1_000 * MS, "/0 msg_2": 140 * MS},
        duplicates=2,
        connections=6,
        fan_out=2,
        refused={"429": 3},
    )

    figures = figures_of(run)

    assert (figures.accepted, figures.refused, figures.delivered) == (2, 3, 3)
    assert (figures.lost, figures.duplicates) == (1, 2)
    assert (figures.accept_rate, figures.delivery_rate) == (4.0, 3.0)
    assert figures.answer == Percentiles(10.0, 400.0, 400.0)
    assert figures.arrival == Percentiles(40.0, 1_000.0, 1_000.0)
    assert figures.new_connections == 2_000.0


def test_costs_are_differences() -> None:
    reading = Reading(transactions=9, wal_bytes=800, statements=7)

    costs = costs_between(
        {"api": Spent(1.5, 10)},
        {"api": Spent(4.0, 30), "late": Spent(0.5, 20)},
        reading.since(Reading(transactions=4, wal_bytes=300, statements=5)),
    )

    assert costs.cpu_seconds == {"api": 2.5, "late": 0.5}
    assert costs.peak_bytes == {"api": 30, "late": 20}
    assert costs.database == Reading(transactions=5, wal_bytes=500, statements=2)


def test_a_process_name_may_hold_parentheses() -> None:
    assert stat_fields("7 (a) (b c)) S 1 2") == ["S", "1", "2"]


def test_statements_are_counted_in_both_forms_and_continuation_lines_are_not() -> None:
    log = (
        b"2026-01-01 UTC [7] LOG:  statement: SELECT 1\n"
        b"2026-01-01 UTC [7] LOG:  execute <unnamed>: SELECT\n\t2\n"
        b"2026-01-01 UTC [7] LOG:  checkpoint complete\n"
    )

    assert count_statements(log) == 2


@pytest.mark.parametrize("number", [0, 19_999])
def test_a_payload_has_exactly_the_size_asked_for(number: int) -> None:
    payload = make_payload(400, number)

    assert len(payload) == 400
    assert json.loads(payload)["n"] == number


def test_seconds_and_rate_give_the_number_of_events() -> None:
    assert read_options(["--mode", "rate", "--rate", "200", "--seconds", "10"]).events == 2_000
    assert read_options(["--mode", "rate", "--rate", "5", "--events", "500"]).events == 500
    assert read_options(["--seconds", "3"]).events == 20_000


def test_endpoints_that_do_not_divide_into_groups_are_refused() -> None:
    with pytest.raises(SystemExit):
        read_options(["--endpoints", "10", "--fan-out", "3"])
