"""The modes: what is published when, and which of it is measured."""

import math
import time

from dev.bench.figures import Costs, Figures, cost_figures, latencies, named, rate
from dev.bench.memory import MemoryWatch
from dev.bench.noise import Noise, hanging_endpoints
from dev.bench.options import Options
from dev.bench.processor_time import machine_time, seconds_spent
from dev.bench.publishing import Published, Publishing, order_of
from dev.bench.stage import Stage
from dev.freezing import frozen

#: Seconds without an arrival after which the rest counts as lost; a lease lasts less.
_PATIENCE = 120.0
_POLL = 0.1
#: Seconds; what has not come beside hanging endpoints by then counts as lost.
_BESIDE_NOISE = 60.0
#: Events that are not measured, before the first run: caches fill, statements get prepared.
_WARM_UP = 500
#: Apart from those of the runs, which begin at 0.
_WARM_UP_NUMBERS = 1_000_000_000


class Meter:
    """Reads all counters when it is made, and again when asked what was spent since."""

    def __init__(self, stage: Stage, noise: Noise | None = None) -> None:
        self._stage = stage
        self._pids = stage.pids() | ({"noise": noise.pid} if noise else {})
        self._seconds = seconds_spent(self._pids)
        self._bench = time.process_time()
        self._machine = machine_time()
        self._reading = stage.database.read()

    def costs(self, *, publisher: float) -> Costs:
        seconds = seconds_spent(self._pids)
        machine = machine_time().since(self._machine)
        spent = {name: value - self._seconds[name] for name, value in seconds.items()}
        spent |= {"publisher": publisher, "bench": time.process_time() - self._bench}
        work = self._stage.database.between(self._reading, self._stage.database.read())
        return Costs(spent, work, machine)


def warm_up(stage: Stage, options: Options) -> None:
    events = min(_WARM_UP, options.events // 10) // options.batch * options.batch
    if events:
        order = order_of(stage, options, first=_WARM_UP_NUMBERS, events=events)
        published = Publishing(stage, order, tool=options.publisher).wait()
        wait_for_arrivals(stage, published.accepted * options.fan_out)


def measure(stage: Stage, options: Options, *, number: int) -> Figures:
    """Do run `number`, from 0, and return its figures."""
    stage.receiver.reset()
    first = 2 * number * options.events
    with MemoryWatch(stage.pids) as memory:
        if options.paused:
            figures = _backlog(stage, options, first)
        elif options.mode == "noisy":
            figures = _beside_noise(stage, options, first)
        else:
            figures = _at_once(stage, options, first)
    return figures | {f"memory_{name}_mib": peak / 2**20 for name, peak in memory.peaks.items()}


def _at_once(stage: Stage, options: Options, first: int, noise: Noise | None = None) -> Figures:
    """Publish while the workers deliver; deliveries to endpoints that hang are not waited for."""
    meter = Meter(stage, noise)
    order = order_of(stage, options, first=first, events=options.events)
    published = Publishing(stage, order, tool=options.publisher).wait()
    expected = published.accepted * options.fan_out
    if noise is None:
        wait_for_arrivals(stage, expected)
    else:
        wait_for_arrivals(stage, expected, settled=False, within=_BESIDE_NOISE)
    costs = meter.costs(publisher=published.cpu_seconds)
    figures = _delivered(stage, options, published, began=published.began)
    return figures | cost_figures(costs, round(figures["delivered"]))


def _beside_noise(stage: Stage, options: Options, first: int) -> Figures:
    """Publish to healthy endpoints, then again beside as many events for as many that hang."""
    quiet = _at_once(stage, options, first)
    stage.receiver.reset()
    with hanging_endpoints(stage, options, first) as noise:
        figures = _at_once(stage, options, first + options.events, noise)
    wait_for_arrivals(stage, round(figures["delivered"]))
    for share in ("p50", "p95", "p99"):
        name = f"arrival_{share}_ms"
        figures[f"quiet_{name}"] = quiet[name]
        figures[f"noisy_by_quiet_{share}"] = figures[name] / quiet[name]
    return figures


def _backlog(stage: Stage, options: Options, first: int) -> Figures:
    """Publish while the workers are stopped, then let them work."""
    with frozen(stage.services.workers):
        meter = Meter(stage)
        order = order_of(stage, options, first=first, events=options.events)
        published = Publishing(stage, order, tool=options.publisher).wait()
        accepting = cost_figures(
            meter.costs(publisher=published.cpu_seconds), published.accepted, prefix="accepting_"
        )
        meter = Meter(stage)
    began = time.monotonic_ns()
    wait_for_arrivals(stage, published.accepted * options.fan_out)
    costs = meter.costs(publisher=0.0)
    figures = _delivered(stage, options, published, began=began)
    return figures | accepting | cost_figures(costs, round(figures["delivered"]))


def wait_for_arrivals(
    stage: Stage, expected: int, *, settled: bool = True, within: float = math.inf
) -> None:
    """Return when all came and are recorded, when nothing comes for two minutes, or in time."""
    seen, since = (-1, -1), time.monotonic()
    ends = since + within
    while (now := _progress(stage, expected, settled=settled)) < (expected, 0):
        stage.services.check()
        if now != seen:
            seen, since = now, time.monotonic()
        if time.monotonic() > min(ends, since + _PATIENCE):
            return
        time.sleep(_POLL)


def _progress(stage: Stage, expected: int, *, settled: bool) -> tuple[int, int]:
    """Return how many came and, once all have, minus how many are not yet recorded as settled."""
    distinct = stage.receiver.counts().distinct
    if distinct < expected or not settled:
        return distinct, 0
    return distinct, -stage.database.open_deliveries()


def _delivered(stage: Stage, options: Options, published: Published, *, began: int) -> Figures:
    """Compare what was accepted with what came; `began` is where the delivery rate begins."""
    counts, arrivals = stage.receiver.counts(), stage.receiver.arrivals()
    distinct = counts.distinct
    figures = {
        "accepted": published.accepted,
        "refused": published.refused,
        "accept_per_s": rate(published.accepted, published.began, published.ended),
        "delivered": distinct,
        "delivered_per_s": rate(distinct, began, max(arrivals.values(), default=0)),
        "lost": published.accepted * options.fan_out - distinct,
        "duplicates": counts.duplicates,
        **named("answer", published.answers),
        "connections_per_1000": 1000 * counts.connections / max(distinct, 1),
    }
    if published.sent is not None:
        figures |= named("arrival", latencies(published.sent, arrivals))
    return figures
