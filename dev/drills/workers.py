"""A drill about several workers: with a slow receiver, twice the places deliver twice as much."""

import time

from dev.drills.filling import fill, make_endpoints
from dev.drills.rig import Check, Rig, wait_for
from dev.freezing import frozen

_TENANTS, _ENDPOINTS = 10, 4
_DELAY, _DELAY_SHORT = 0.1, 0.5
#: In flight in each process: few enough that the receiver's slowness is the limit, not a processor.
_PLACES, _PLACES_SHORT = 64, 8
_GAIN = 1.9
#: The shares of all arrivals between which the rate is taken: not while processes start and end.
_FROM, _TO = 0.1, 0.8


def workers(rig: Rig, deliveries: int) -> list[Check]:
    """A receiver takes 100 ms: two processes, and two workers, deliver 1.9 times as much as one."""
    plans = [(1, 1), (1, 2), (2, 1)]
    ran = [_run(rig, deliveries, plan, _PLACES, _DELAY) for plan in plans]
    one, *two = [rate for rate, _ in ran]
    gains = [rate / one for rate in two]
    return [
        Check("in flight", [peak for _, peak in ran], True),
        Check("one/s", round(one), True),
        Check("two processes/s, two workers/s", [round(rate) for rate in two], True),
        Check("times", [round(gain, 2) for gain in gains], min(gains) >= _GAIN),
    ]


def workers_short(rig: Rig, deliveries: int) -> list[Check]:
    """As `workers`, judged by how many sends are open at once, whatever the machine's speed."""
    plans = [(1, 1), (1, 2), (2, 1)]
    peaks = [_run(rig, deliveries, plan, _PLACES_SHORT, _DELAY_SHORT)[1] for plan in plans]
    twice = min(peaks[1:]) >= _GAIN * peaks[0] > 0
    return [Check("open at once", peaks, twice)]


def _run(
    rig: Rig, deliveries: int, plan: tuple[int, int], places: int, delay: float
) -> tuple[float, int]:
    """Deliver a backlog; return arrivals a second, and how many were open at once."""
    workers, processes = plan
    settings = {"WEBHOOKS_IN_FLIGHT": str(places)}
    with rig.platform(settings, workers=workers, worker_processes=processes, beats=0) as platform:
        platform.receiver.delay = delay
        make_endpoints(platform, platform.receiver.url, tenants=_TENANTS, each=_ENDPOINTS)
        with frozen(platform.services.workers):
            fill(platform, deliveries, first=1, lanes=_TENANTS * _ENDPOINTS)
        first, last = round(deliveries * _FROM), round(deliveries * _TO)
        wait_for("arrivals", lambda: platform.receiver.requests >= first, within=60)
        began, before = time.monotonic(), platform.receiver.requests
        wait_for("arrivals", lambda: platform.receiver.requests >= last, within=120)
        rate = (platform.receiver.requests - before) / (time.monotonic() - began)
        platform.wait_settled(within=60)
        return rate, platform.receiver.peak
