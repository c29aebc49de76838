"""The arithmetic of `make bench`."""

import math
from collections.abc import Sequence

import pytest

from dev.bench.database import Work
from dev.bench.figures import (
    Costs,
    Percentiles,
    cost_figures,
    latencies,
    medians,
    per_thousand,
    percentile,
    rate,
)
from dev.bench.processor_time import MachineTime, stat_fields

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


def test_a_latency_runs_from_sending_to_each_first_arrival() -> None:
    sent = {"msg_1": 0, "msg_2": 100 * MS}
    arrivals = {"/0 msg_1": 20 * MS, "/1 msg_1": 1_000 * MS, "/0 msg_2": 140 * MS, "/0 msg_3": 1}

    assert latencies(sent, arrivals) == Percentiles(40.0, 1_000.0, 1_000.0)


def test_costs_are_divided_by_deliveries_and_the_instruments_are_told_apart() -> None:
    costs = Costs(
        seconds={"api": 3.0, "postgres": 1.0, "publisher": 0.25, "receiver": 0.25, "bench": 0.5},
        work=Work(statements=300, rows=7_000, commits=None, wal_bytes=2_200_000),
        machine=MachineTime(busy=6.0, all=10.0),
    )

    figures = cost_figures(costs, 1_000, prefix="accepting_")

    assert math.isnan(figures.pop("accepting_commits_each"))
    assert figures == {
        "accepting_cpu_platform_per_1000_s": 4.0,
        "accepting_cpu_api_per_1000_s": 3.0,
        "accepting_cpu_postgres_per_1000_s": 1.0,
        "accepting_cpu_publisher_per_1000_s": 0.25,
        "accepting_cpu_receiver_per_1000_s": 0.25,
        "accepting_cpu_bench_per_1000_s": 0.5,
        "accepting_cpu_of_publisher_and_receiver_share": 0.1,
        "accepting_machine_busy_share": 0.6,
        "accepting_machine_others_share": 0.1,
        "accepting_statements_each": 0.3,
        "accepting_rows_each": 7.0,
        "accepting_wal_bytes_each": 2_200.0,
    }


def test_the_median_of_runs_is_the_median_of_each_number() -> None:
    runs = [{"a": 1.0, "b": 9.0}, {"a": 3.0, "b": 7.0}, {"a": 2.0, "b": 8.0}]

    assert medians(runs) == {"a": 2.0, "b": 8.0}


def test_machine_time_is_a_difference() -> None:
    assert MachineTime(5.0, 8.0).since(MachineTime(2.0, 4.0)) == MachineTime(3.0, 4.0)


def test_a_process_name_may_hold_parentheses() -> None:
    assert stat_fields("7 (a) (b c)) S 1 2") == ["S", "1", "2"]
