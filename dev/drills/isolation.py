"""Drills about neighbours: do quick endpoints notice those that hang, drip or have much due?"""

import asyncio
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx

from dev.drills.receiver import Receiver, receiving
from dev.drills.rig import PAYLOAD, Check, DrillError, Platform, Rig, wait_for

_LOOPS = 2
_SLOTS = 256 * _LOOPS
#: Sends that one loop of 256 slots begins to an endpoint which has not answered; one may come on
#: top before its first stalls are written, and one for each probe.
_UNPROVEN = 32
_PROBES = 4
_HEALTHY = 50
_PER_SECOND = 50.0
_SECONDS, _SECONDS_SHORT = 30.0, 2.0
_NEVER = 1e6
_BATCH = 100
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

        checks = _beside(platform, seconds, _Stream(platform, stuck), timed=timed, turn=silence)
        asked = Counter(path for _, path in silent.by_delivery.elements())
        most = max(asked.values(), default=0)
        limit = _LOOPS * (_UNPROVEN + 1) + _PROBES
        return [*checks, Check("most open to one", most, 0 < most <= limit)]


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
        checks = _beside(platform, seconds, lambda: _publish_many(platform, app, due), timed=timed)
        left = due - slow.requests
        peak = Check("peak", slow.peak, 0 < slow.peak <= _SLOTS)
        return [*checks, peak, Check("left", left, True)]


def drip(rig: Rig, endpoints: int) -> list[Check]:
    """As many events go to endpoints that answer a byte a second as to quick ones."""
    return _drip(rig, endpoints, _SECONDS, timed=True)


def drip_short(rig: Rig, endpoints: int) -> list[Check]:
    return _drip(rig, endpoints, _SECONDS_SHORT, timed=False)


def _drip(rig: Rig, endpoints: int, seconds: float, *, timed: bool) -> list[Check]:
    with _running(rig) as platform, _dripping() as port:
        wet = Receiver(port=port)
        apps = _tenants(platform, wet, endpoints, tenants=endpoints)
        return _beside(platform, seconds, _Stream(platform, apps), timed=timed)


@contextmanager
def _running(rig: Rig) -> Iterator[Platform]:
    with rig.platform(_SETTINGS, workers=1, worker_processes=_LOOPS, beats=0) as platform:
        yield platform


def _beside(
    platform: Platform,
    seconds: float,
    noise: _Stream | Callable[[], None],
    *,
    timed: bool,
    turn: Callable[[], None] | None = None,
) -> list[Check]:
    """Measure quick endpoints alone, then beside the noise.

    With `turn`, which makes the noise's receivers bad, they are quick ones too until then.
    """
    apps = _tenants(platform, platform.receiver, _HEALTHY, tenants=_HEALTHY)
    _Stream(platform, apps).run(min(seconds, 5.0))  # Connections, plans, caches.
    run = noise.run if isinstance(noise, _Stream) else lambda _: noise()
    alone = _measured(platform, apps, seconds, run if turn else None)
    if turn:
        turn()
    together = _measured(platform, apps, seconds, run)
    return [
        Check("healthy events", len(together), len(together) == len(alone) > 0),
        *_compared("p50", statistics.median(alone), statistics.median(together), _P50, timed),
        *_compared("p99", _p99(alone), _p99(together), _P99, timed),
    ]


def _measured(
    platform: Platform, apps: list[str], seconds: float, noise: Callable[[float], None] | None
) -> list[float]:
    stream = _Stream(platform, apps)
    thread = threading.Thread(target=noise, args=(seconds,)) if noise else None
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


def _tenants(platform: Platform, to: Receiver, endpoints: int, *, tenants: int) -> list[str]:
    """Make tenants that have so many endpoints together, each event going to all of its own."""
    made = []
    with platform.client() as client:
        for number in range(tenants):
            app = _id(client.post("/api/v1/app", json={"name": f"t{number}"}))
            made.append(app)
            for share in range(number, endpoints, tenants):
                url = f"http://127.0.0.1:{to.port}/{app}/{share}"
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


class _Drip(asyncio.Protocol):
    """Begins an answer and sends a byte of a header a second, for as long as it is listened to."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._write(b"HTTP/1.1 200 OK\r\nx: ")

    def _write(self, data: bytes) -> None:
        if isinstance(self._transport, asyncio.Transport) and not self._transport.is_closing():
            self._transport.write(data)
            asyncio.get_running_loop().call_later(1.0, self._write, b"x")


@contextmanager
def _dripping() -> Iterator[int]:
    """Listen on a free port until the block ends; yield it."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(
        loop.create_server(_Drip, "127.0.0.1", 0, backlog=1024, reuse_address=True)
    )
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
