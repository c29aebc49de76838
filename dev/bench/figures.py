"""The arithmetic: from times and counts to rates, percentiles and costs per delivery.

The figures of a run are numbers by name; names end with their unit. A median of runs is the
median of each number.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dev.bench.database import Work
from dev.bench.processor_time import MachineTime

Figures = dict[str, float]

_NS = 1e9
#: What measures. Everything else is what is measured.
INSTRUMENTS = ("publisher", "noise", "receiver", "bench")


@dataclass(frozen=True)
class Percentiles:
    """Milliseconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Costs:
    """What a period cost: seconds of processor time by group, and the database's work."""

    seconds: Mapping[str, float]
    work: Work
    machine: MachineTime


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of all values do not exceed; NaN of none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def percentiles(durations: Sequence[int]) -> Percentiles:
    """Turn ns into the three percentiles in ms."""
    values = [duration / 1e6 for duration in durations]
    return Percentiles(*(percentile(values, share) for share in (0.5, 0.95, 0.99)))


def rate(count: int, began: int, ended: int) -> float:
    """Return the count per second between two times in ns; 0 if there is nothing between."""
    return count * _NS / (ended - began) if ended > began else 0.0


def per_thousand(amount: float, count: int) -> float:
    return 1000 * amount / count if count else math.nan


def message_of(key: str) -> str:
    """Return the webhook-id of `path webhook-id`."""
    return key.rpartition(" ")[2]


def latencies(sent: Mapping[str, int], arrivals: Mapping[str, int]) -> Percentiles:
    """Compare when each message was (to be) sent with each first arrival of it."""
    known = ((message_of(key), at) for key, at in arrivals.items())
    return percentiles([at - sent[message] for message, at in known if message in sent])


def named(name: str, found: Percentiles) -> Figures:
    return {f"{name}_p50_ms": found.p50, f"{name}_p95_ms": found.p95, f"{name}_p99_ms": found.p99}


def cost_figures(costs: Costs, count: int, *, prefix: str = "") -> Figures:
    """Divide what a period cost by its deliveries, or, when it accepted only, by its events."""
    work, spent = costs.work, sum(costs.seconds.values())
    platform = sum(value for name, value in costs.seconds.items() if name not in INSTRUMENTS)
    tools = spent - platform - costs.seconds.get("bench", 0.0)
    figures = {
        "cpu_platform_per_1000_s": per_thousand(platform, count),
        **{f"cpu_{name}_per_1000_s": per_thousand(s, count) for name, s in costs.seconds.items()},
        "cpu_of_publisher_and_receiver_share": tools / spent if spent else math.nan,
        "machine_busy_share": costs.machine.busy / costs.machine.all if costs.machine.all else 0.0,
        "machine_others_share": _others(costs.machine, spent),
        "statements_each": per_thousand(work.statements, count) / 1000,
        "rows_each": _each(work.rows, count),
        "commits_each": _each(work.commits, count),
        "wal_bytes_each": per_thousand(work.wal_bytes, count) / 1000,
    }
    return {prefix + name: value for name, value in figures.items()}


def medians(runs: Sequence[Figures]) -> Figures:
    """Return the median of each number, over the runs that have it."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def _each(amount: int | None, count: int) -> float:
    return math.nan if amount is None else per_thousand(amount, count) / 1000


def _others(machine: MachineTime, ours: float) -> float:
    """Return the share of the machine that strangers used meanwhile."""
    return max(0.0, machine.busy - ours) / machine.all if machine.all else 0.0
