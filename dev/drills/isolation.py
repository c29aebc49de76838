"""Drills about neighbours: do quick endpoints notice those that hang, drip or have much due?

Their name servers may be silent, too.
"""

import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx

from dev.drills.neighbours import FOUND, LOST, dripping, naming
from dev.drills.receiver import Receiver, receiving
from dev.drills.rig import PAYLOAD, Check, DrillError, Platform, Rig, wait_for

_LOOPS = 2
_SLOTS = 256 * _LOOPS
#: What one endpoint may have open in each loop before it has answered.
_UNPROVEN = 128
_HEALTHY = 50
_PER_SECOND = 50.0
_SECONDS, _SECONDS_SHORT = 30.0, 2.0
_NEVER = 1e6
_BATCH = 500
_P50, _P99 = 1.5, 2.0
_SETTINGS = {"WEBHOOKS_ALLOWED_NETWORKS": "127.0.0.1/32"}


@dataclass
class _Stream:
    """Events published at a steady rate over some tenants, and when each was posted."""

    platform: Platform
    apps: list[str]
    per_second: float = _PER_SECOND
    sent: dict[str, float] = field(default_factory=dict)

    def run(self, seconds: float) -> None:
        began = time.monotonic()
        with self.platform.client() as client:
            for number in range(int(seconds * self.per_second)):
                due = began + number / self.per_second
                time.sleep(max(0.0, due - time.monotonic()))
                app, posted = self.apps[number % len(self.apps)], time.monotonic()
                self.sent[_published(client, app)] = posted

    def latencies(self, receiver: Receiver) -> list[float]:
        """Return seconds from each event's publish to its arrival."""
        wait_for("arrival", lambda: self.sent.keys() <= receiver.arrived.keys(), within=30)
        return [receiver.arrived[event] - posted for event, posted in self.sent.items()]


def hanging(rig: Rig, endpoints: int) -> list[Check]:
    """As many events go to endpoints that stop answering as to quick ones: do these notice?"""
    return _hanging(rig, endpoints, _SECONDS, timed=True)


def hanging_short(rig: Rig, endpoints: int) -> list[Check]:
    return _hanging(rig, endpoints, _SECONDS_SHORT, timed=False)


def _hanging(rig: Rig, endpoints: int, seconds: float, *, timed: bool) -> list[Check]:
    with ExitStack() as stack:
        platform = stack.enter_context(_running(rig))
        silent = stack.enter_context(receiving())
        stuck = _tenants(platform, silent, endpoints, tenants=endpoints)

        def silence() -> None:
            silent.by_delivery.clear()
            silent.delay = _NEVER

        noise = _Stream(platform, stuck)
        checks = _beside(platform, seconds, timed=timed, alone=noise, turn=silence, beside=noise)
        asked = Counter(path for _, path in silent.by_delivery.elements())
        most = max(asked.values(), default=0)
        return [*checks, Check("most to one", most, 0 < most <= _LOOPS * _UNPROVEN)]


def backlog(rig: Rig, due: int) -> list[Check]:
    """One tenant has much due to a receiver that takes 0.3 s."""
    return _backlog(rig, due, _SECONDS, timed=True)


def backlog_short(rig: Rig, due: int) -> list[Check]:
    return _backlog(rig, due, _SECONDS_SHORT, timed=False)


def _backlog(rig: Rig, due: int, seconds: float, *, timed: bool) -> list[Check]:
    with ExitStack() as stack:
        platform = stack.enter_context(_running(rig))
        slow = stack.enter_context(receiving())
        slow.delay = 0.3
        app = _tenants(platform, slow, 1, tenants=1)[0]

        def fill() -> None:
            _publish_many(platform, app, due)

        checks = _beside(platform, seconds, timed=timed, turn=fill)
        left = due - slow.requests
        peak = Check("peak", slow.peak, 0 < slow.peak <= _SLOTS)
        return [*checks, peak, Check("left", left, not timed or left > 0)]


def drip(rig: Rig, endpoints: int) -> list[Check]:
    """As many events go to endpoints that answer a byte a second as to quick ones."""
    return _drip(rig, endpoints, _SECONDS, timed=True)


def drip_short(rig: Rig, endpoints: int) -> list[Check]:
    return _drip(rig, endpoints, _SECONDS_SHORT, timed=False)


def _drip(rig: Rig, endpoints: int, seconds: float, *, timed: bool) -> list[Check]:
    with _running(rig) as platform, dripping() as port:
        wet = Receiver(port=port)
        apps = _tenants(platform, wet, endpoints, tenants=endpoints)
        return _beside(platform, seconds, timed=timed, beside=_Stream(platform, apps))


def dns(rig: Rig, endpoints: int) -> list[Check]:
    """As many events go to endpoints whose name servers are silent as to quick ones with names."""
    return _dns(rig, endpoints, _SECONDS, timed=True)


def dns_short(rig: Rig, endpoints: int) -> list[Check]:
    return _dns(rig, endpoints, _SECONDS_SHORT, timed=False)


def _dns(rig: Rig, endpoints: int, seconds: float, *, timed: bool) -> list[Check]:
    with naming() as names, _running(rig, WEBHOOKS_NAMESERVERS=names.address) as platform:
        lost = _tenants(platform, platform.receiver, endpoints, tenants=endpoints, zone=LOST)
        noise = _Stream(platform, lost)
        checks = _beside(platform, seconds, timed=timed, beside=noise, zone=FOUND)
        arrived = len(noise.sent.keys() & platform.receiver.arrived.keys())
        return [
            *checks,
            Check("look-ups unanswered", names.unanswered, names.unanswered > 0),
            Check("unresolved that arrived", arrived, arrived == 0),
        ]


@contextmanager
def _running(rig: Rig, **settings: str) -> Iterator[Platform]:
    own = {**_SETTINGS, **settings}
    with rig.platform(own, workers=1, worker_processes=_LOOPS, beats=0) as platform:
        yield platform


def _beside(
    platform: Platform,
    seconds: float,
    *,
    timed: bool,
    alone: _Stream | None = None,
    turn: Callable[[], None] | None = None,
    beside: _Stream | None = None,
    zone: str = "",
) -> list[Check]:
    """Measure quick endpoints, with the stream `alone` if any; then after `turn`, with `beside`."""
    apps = _tenants(platform, platform.receiver, _HEALTHY, tenants=_HEALTHY, zone=zone)
    _Stream(platform, apps).run(min(seconds, 5.0))  # Connections, plans, caches.
    quiet = _measured(platform, apps, seconds, alone)
    if turn:
        turn()
    noisy = _measured(platform, apps, seconds, beside)
    return [
        Check("healthy events", len(noisy), len(noisy) == len(quiet) > 0),
        *_compared("p50", statistics.median(quiet), statistics.median(noisy), _P50, timed),
        *_compared("p99", _p99(quiet), _p99(noisy), _P99, timed),
    ]


def _measured(
    platform: Platform, apps: list[str], seconds: float, noise: _Stream | None
) -> list[float]:
    stream = _Stream(platform, apps)
    thread = threading.Thread(target=noise.run, args=(seconds,)) if noise else None
    if thread:
        thread.start()
    stream.run(seconds)
    if thread:
        thread.join()
    return stream.latencies(platform.receiver)


def _compared(name: str, quiet: float, noisy: float, most: float, timed: bool) -> list[Check]:
    ratio = noisy / quiet
    return [
        Check(f"{name} ms", f"{quiet * 1000:.1f} → {noisy * 1000:.1f}", True),
        Check(f"{name} ratio", round(ratio, 2), not timed or ratio <= most),
    ]


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def _tenants(
    platform: Platform, to: Receiver, endpoints: int, *, tenants: int, zone: str = ""
) -> list[str]:
    """Make tenants that have so many endpoints together, each event going to all of its own.

    With a zone, each endpoint has a name of its own in it.
    """
    made = []
    with platform.client() as client:
        for number in range(tenants):
            app = _id(client.post("/api/v1/app", json={"name": f"t{number}"}))
            made.append(app)
            for share in range(number, endpoints, tenants):
                host = f"h{share}.{zone}" if zone else "127.0.0.1"
                url = f"http://{host}:{to.port}/{app}/{share}"
                _id(client.post(f"/api/v1/app/{app}/endpoint", json={"url": url}))
    return made


def _id(answer: httpx.Response) -> str:
    if answer.status_code != HTTPStatus.CREATED:
        raise DrillError(f"{answer.request.url.path} answered {answer.status_code}")
    return str(answer.json()["id"])


def _published(client: httpx.Client, app: str) -> str:
    answer = client.post(f"/api/v1/app/{app}/msg", json=PAYLOAD)
    if answer.status_code != HTTPStatus.ACCEPTED:
        raise DrillError(f"a publish answered {answer.status_code}")
    return str(answer.json()["id"])


def _publish_many(platform: Platform, app: str, count: int) -> None:
    messages = {"messages": [PAYLOAD] * _BATCH}
    with platform.client() as client:
        for _ in range(0, count, _BATCH):
            client.post(f"/api/v1/app/{app}/msg/batch", json=messages).raise_for_status()
