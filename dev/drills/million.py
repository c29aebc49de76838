"""A drill about a million due deliveries: what claims, throughput and memory are with them."""

import re
import shutil
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from dev.bench.memory import proportional_set_size
from dev.bench.processor_time import families
from dev.bench.receiving import HOST, NginxReceiver, OwnReceiver, Receiving
from dev.drills.filling import fill, make_endpoints
from dev.drills.rig import Check, Platform, Rig, wait_for
from dev.freezing import frozen

_TENANTS, _ENDPOINTS = 50, 20
#: Deliveries of the small queue, in one lane, that the large one's rate is compared with.
_QUIET = 20_000
#: Of the large queue: deliveries whose rate is compared, and then those whose claims are timed.
_COMPARED, _TIMED = 50_000, 50_000
_OF_QUIET = 0.8
_SLOWEST_CLAIM = 100.0
_GROWTH = 50.0
_WITHIN = 1200.0
_SETTINGS = {"WEBHOOKS_ALLOWED_NETWORKS": "127.0.0.1/32"}
#: `%a` is the connection's name; the text of a statement follows its duration.
_LOGGING = {"log_min_duration_statement": "0", "log_line_prefix": "'%a|'"}
_CLAIM = re.compile(
    rb"^webhooks-claim\|LOG: +duration: ([0-9.]+) ms +execute [^:]*:\s+WITH RECURSIVE moment",
    re.MULTILINE,
)


@dataclass(frozen=True)
class _Stage:
    platform: Platform
    receiver: Receiving

    @property
    def arrived(self) -> int:
        return self.receiver.counts().distinct

    def wait_arrived(self, count: int) -> None:
        wait_for(f"{count} arrivals", lambda: self.arrived >= count, within=_WITHIN)

    def rate(self, first: int, last: int) -> float:
        """Return arrivals a second between two of them, counted from 0."""
        at = sorted(self.receiver.arrivals().values())[first:last]
        return (len(at) - 1) * 1e9 / (at[-1] - at[0])


def million(rig: Rig, deliveries: int) -> list[Check]:
    """A million due in 1,000 lanes: what claims take, the rate beside a small queue's, memory."""
    with _staged(rig, _TENANTS) as stage:
        quiet = [_drain_small(stage)]
        claims, memory = _drain_large(stage, deliveries)
        full, whole = stage.rate(0, _COMPARED), stage.rate(0, deliveries)
        checks = _exactly_once(stage, deliveries)
        quiet.append(_drain_small(stage))
        share = full / statistics.mean(quiet)
        return [
            *checks,
            Check("quiet/s", [round(rate) for rate in quiet], True),
            Check("full/s, all/s", [round(full), round(whole)], True),
            Check("of quiet", round(share, 2), share >= _OF_QUIET),
            *_claim_checks(claims),
            *_memory_checks(memory),
        ]


def million_short(rig: Rig, deliveries: int) -> list[Check]:
    """As `million` with some thousand deliveries in twenty lanes; a busy clock proves nothing."""
    with _staged(rig, 1) as stage:
        _fill(stage, deliveries, lanes=_ENDPOINTS)
        with _logged_claims(stage) as claims:
            stage.wait_arrived(deliveries)
        count = Check("claims", len(claims), len(claims) > 0)
        return [*_exactly_once(stage, deliveries), count]


@contextmanager
def _staged(rig: Rig, tenants: int) -> Iterator[_Stage]:
    """Run one worker of one process, and a receiver that costs little."""
    with rig.platform(_SETTINGS, workers=1, worker_processes=1, beats=0) as platform:
        kind = NginxReceiver if shutil.which("nginx") else OwnReceiver
        receiver = kind(platform.services.run_dir, rig.guardian)
        try:
            url = f"http://{HOST}:{receiver.port}/"
            make_endpoints(platform, url, tenants=tenants, each=_ENDPOINTS)
            yield _Stage(platform, receiver)
        finally:
            receiver.process.stop()


def _fill(stage: _Stage, deliveries: int, *, lanes: int) -> None:
    """Queue them while the worker stands still, and let it go on."""
    stage.receiver.reset()
    with frozen(stage.platform.services.workers):
        fill(stage.platform, deliveries, first=1, lanes=lanes)
        stage.platform.query("VACUUM ANALYZE open_delivery, event")


def _drain_small(stage: _Stage) -> float:
    _fill(stage, _QUIET, lanes=1)
    stage.wait_arrived(_QUIET)
    stage.platform.wait_settled(within=60)
    return stage.rate(0, _QUIET)


def _drain_large(stage: _Stage, deliveries: int) -> tuple[list[float], list[float]]:
    """Drain all; return milliseconds of claims while nearly all is open, and MB after that."""
    _fill(stage, deliveries, lanes=_TENANTS * _ENDPOINTS)
    stage.wait_arrived(_COMPARED)
    with _memory(stage.platform.services.workers[0].pid) as megabytes:
        with _logged_claims(stage) as claims:
            stage.wait_arrived(_COMPARED + _TIMED)
        stage.wait_arrived(deliveries)
    stage.platform.wait_settled(within=60)
    return claims, megabytes


def _exactly_once(stage: _Stage, deliveries: int) -> list[Check]:
    stage.platform.wait_settled(within=60)
    counts = stage.receiver.counts()
    return [
        Check("delivered", counts.distinct, counts.distinct == deliveries),
        Check("duplicates", counts.duplicates, counts.duplicates == 0),
    ]


def _claim_checks(claims: list[float]) -> list[Check]:
    p99 = statistics.quantiles(claims, n=100)[-1]
    return [
        Check("claims", len(claims), True),
        Check("p50 ms", round(statistics.median(claims), 1), True),
        Check("p99 ms", round(p99, 1), p99 <= _SLOWEST_CLAIM),
    ]


def _memory_checks(megabytes: list[float]) -> list[Check]:
    shown = [round(value, 1) for value in (min(megabytes), max(megabytes), megabytes[-1])]
    growth = max(megabytes) - min(megabytes)
    return [
        Check("MB min, max, last", shown, True),
        Check("MB apart", round(growth, 1), growth <= _GROWTH),
    ]


@contextmanager
def _logged_claims(stage: _Stage) -> Iterator[list[float]]:
    """Have PostgreSQL write each statement's duration down; the list is filled at the end."""
    claims: list[float] = []
    log = stage.platform.stores.log_dir / "postgres.log"
    begins = log.stat().st_size
    _alter(stage, "SET {} = {}")
    try:
        yield claims
    finally:
        _alter(stage, "RESET {}")
    claims += [float(found) for found in _CLAIM.findall(_read(log, begins))]


def _alter(stage: _Stage, change: str) -> None:
    url = stage.platform.stores.postgres.superuser_url
    with psycopg.connect(url, autocommit=True) as connection:
        for name, value in _LOGGING.items():
            connection.execute(f"ALTER SYSTEM {change.format(name, value)}".encode())
        connection.execute("SELECT pg_reload_conf()")


def _read(log: Path, begins: int) -> bytes:
    with log.open("rb") as file:
        file.seek(begins)
        return file.read()


@contextmanager
def _memory(worker: int) -> Iterator[list[float]]:
    """Look at the MB of a worker and its children once a second, until the block ends."""
    over = threading.Event()
    looks: list[float] = []

    def look() -> None:
        while not over.wait(1.0):
            members = families({"worker": worker})["worker"]
            looks.append(sum(map(proportional_set_size, members)) / 1e6)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield looks
    finally:
        over.set()
        thread.join()
