"""Drills about workers that are killed, and workers that are asked to end."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from dev.drills.rig import Check, Platform, Rig, wait_for
from dev.guardian import members_of
from dev.processes import Process

#: Seconds; a lease is 15 longer.
_SEND_TIMEOUT = "3"
_MOVING_WITHIN = 40.0
_STOPPED_WITHIN = 20.0
# Numbers of one delivery's attempts without a gap, and how many were written by the sweep.
_ATTEMPTS = """
SELECT count(*), count(*) FILTER (WHERE error_kind = 'worker_lost'),
       count(DISTINCT (delivery_id, number)) FROM attempt
"""

# Taken at once after a death, before a new child has started.
_HELD = """
SELECT coalesce(array_agg(DISTINCT lease_id), '{}'), count(*)
FROM open_delivery WHERE lease_id IS NOT NULL
"""
# A server process goes on with its statement when its client is dead: a claim may still commit.
_CLAIMING = """
SELECT coalesce(array_agg(pid), '{}') FROM pg_stat_activity
WHERE application_name = 'webhooks-claim' AND state = 'active' AND datname = current_database()
"""
_EXPIRE = "UPDATE lease SET expires_at = clock_timestamp() WHERE id = ANY(%s)"


def kill(rig: Rig, events: int) -> list[Check]:
    """SIGKILL a worker's child, then a whole worker, while its sends are open."""
    settings = {"WEBHOOKS_SEND_TIMEOUT": _SEND_TIMEOUT}
    with rig.platform(settings, workers=1, beats=0) as platform:
        return _kill(platform, events)


def kill_short(rig: Rig, events: int) -> list[Check]:
    """As `kill`, but the dead workers' leases are over at once."""
    settings = {"WEBHOOKS_SEND_TIMEOUT": _SEND_TIMEOUT}
    with rig.platform(settings, workers=1, beats=0) as platform:
        return _kill(platform, events, expire=True)


def _kill(platform: Platform, events: int, *, expire: bool = False) -> list[Check]:
    worker = platform.services.workers[0]
    # Celery ends a worker whose pool dies before its consumer has begun, and leaves the restart to
    # whatever supervises it.
    wait_for("ready worker", lambda: " ready." in worker.log_tail(), within=30)
    child_held, child_s = _round(platform, events, expire=expire, deaths=lambda: _children(worker))
    group_held, group_s = _round(
        platform, events, expire=expire, deaths=lambda: members_of([worker.pid]), restart=worker
    )
    rows, lost, distinct = platform.query(_ATTEMPTS)[0]
    requests, duplicates = platform.receiver.requests, platform.duplicates
    in_flight = child_held + group_held
    return [
        *platform.ledger(),
        Check("in flight when killed", in_flight, child_held > 0 and group_held > 0),
        Check("duplicates", duplicates, duplicates <= in_flight),
        Check("attempts", rows, rows == distinct and requests <= rows <= requests + lost),
        # Both deaths took open sends with them, and each of those was written down as lost.
        Check("worker_lost", lost, max(child_held, group_held) < lost <= in_flight),
        Check(
            "moving again s",
            round(max(child_s, group_s), 1),
            max(child_s, group_s) <= _MOVING_WITHIN,
        ),
    ]


def _round(
    platform: Platform,
    events: int,
    *,
    expire: bool,
    deaths: Callable[[], list[int]],
    restart: Process | None = None,
) -> tuple[int, float]:
    """Publish, kill while the receiver ponders; return what was leased, and the seconds to move.

    The leases are what counts as in flight: the receiver may not have read yet what was sent.
    """
    receiver = platform.receiver
    receiver.delay = 2.0
    before = receiver.requests
    platform.publish(events)
    wait_for("open sends", lambda: receiver.requests - before >= events / 2, within=30)
    kill_claimers(platform, deaths())
    died = time.monotonic()
    receiver.delay = 0.0
    leases, held = platform.query(_HELD)[0]
    if restart is not None:
        restart.stop(within=1)
        restart.start()
    if expire:
        # Not those of the next child: it may have begun already.
        platform.query(_EXPIRE, leases)
    platform.wait_settled(within=90)
    return held, time.monotonic() - died


def kill_claimers(platform: Platform, pids: list[int]) -> None:
    """SIGKILL processes; return when no claim that they had begun can commit any more."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    claiming = set(platform.query(_CLAIMING)[0][0])

    def over() -> bool:
        claiming.intersection_update(platform.query(_CLAIMING)[0][0])
        return not claiming

    wait_for("end of the dead's claims", over, within=10)


def held_leases(platform: Platform) -> int:
    """Return how many deliveries are leased now."""
    return int(platform.query(_HELD)[0][1])


def sigterm(rig: Rig, rounds: int) -> list[Check]:
    """Workers are asked to end, one after the other, under load: nothing lost, nothing twice."""
    with rig.platform(workers=2, beats=0) as platform:
        platform.receiver.delay = 0.3
        with platform.load(50):
            wait_for("delivery", lambda: platform.receiver.requests > 0, within=30)
            ends = [_end(worker) for _ in range(rounds) for worker in platform.services.workers]
        platform.wait_settled(within=60)
        longest = max(seconds for _, seconds in ends)
        attempts = platform.count("attempt")
        return [
            *platform.ledger(),
            Check("duplicates", platform.duplicates, platform.duplicates == 0),
            Check("attempts", attempts, attempts == platform.receiver.requests),
            Check("exit statuses", sorted({str(s) for s, _ in ends}), {s for s, _ in ends} == {0}),
            Check("longest stop s", round(longest, 1), longest <= _STOPPED_WITHIN),
        ]


def _end(worker: Process) -> tuple[int | None, float]:
    time.sleep(1.0)
    began = time.monotonic()
    worker.stop(within=60)
    status, seconds = worker.exit_status, time.monotonic() - began
    worker.start()
    wait_for("worker child", lambda: bool(_children(worker)), within=30)
    return status, seconds


def _children(worker: Process) -> list[int]:
    """The worker's pool processes; its resource tracker is a child too, but delivers nothing."""
    listing = Path(f"/proc/{worker.pid}/task/{worker.pid}/children")
    return [pid for pid in map(int, listing.read_text().split()) if b"celery" in _command(pid)]


def _command(pid: int) -> bytes:
    """The command line of a process, or nothing if it has just ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
