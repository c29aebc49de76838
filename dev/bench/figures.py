"""The arithmetic: from times and counts to rates, percentiles and costs per 1,000 deliveries."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dev.bench.database import Reading
from dev.bench.processor_time import Spent

_NS = 1e9


@dataclass(frozen=True)
class Run:
    """What the processes wrote down. Times are CLOCK_MONOTONIC ns."""

    #: Message id, when it was (to be) sent, when it was answered.
    accepted: Sequence[tuple[str, int, int]]
    #: `path webhook-id` to its first arrival.
    arrivals: Mapping[str, int]
    duplicates: int
    connections: int
    fan_out: int
    refused: Mapping[str, int]


@dataclass(frozen=True)
class Percentiles:
    """Milliseconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Figures:
    accepted: int
    refused: int
    delivered: int
    lost: int
    duplicates: int
    #: Per second, from the first publish to the last answer or the last distinct arrival.
    accept_rate: float
    delivery_rate: float
    #: From publish to answer, and from publish to arrival.
    answer: Percentiles
    arrival: Percentiles
    new_connections: float


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


def per_thousand(amount: float, deliveries: int) -> float:
    return 1000 * amount / deliveries if deliveries else math.nan


def figures_of(run: Run) -> Figures:
    sent = {message: sent for message, sent, _ in run.accepted}
    began = min(sent.values(), default=0)
    mine = {key: at for key, at in run.arrivals.items() if _message(key) in sent}
    delivered = len(mine)
    return Figures(
        accepted=len(sent),
        refused=sum(run.refused.values()),
        delivered=delivered,
        lost=len(sent) * run.fan_out - delivered,
        duplicates=run.duplicates,
        accept_rate=rate(len(sent), began, max((at for *_, at in run.accepted), default=0)),
        delivery_rate=rate(delivered, began, max(mine.values(), default=0)),
        answer=percentiles([at - sent for _, sent, at in run.accepted]),
        arrival=percentiles([at - sent[_message(key)] for key, at in mine.items()]),
        new_connections=per_thousand(run.connections, delivered),
    )


def _message(key: str) -> str:
    return key.rpartition(" ")[2]


@dataclass(frozen=True)
class Costs:
    """What the run cost, by group of processes and in the database."""

    cpu_seconds: Mapping[str, float]
    peak_bytes: Mapping[str, int]
    database: Reading


def costs_between(
    before: Mapping[str, Spent], after: Mapping[str, Spent], database: Reading
) -> Costs:
    """Subtract; a group that began within the run spent all that it has spent."""
    nothing = Spent(0.0, 0)
    seconds = {
        name: spent.cpu_seconds - before.get(name, nothing).cpu_seconds
        for name, spent in after.items()
    }
    return Costs(seconds, {name: spent.peak_bytes for name, spent in after.items()}, database)
