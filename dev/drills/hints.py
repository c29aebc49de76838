"""Drills about hints and slots: Redis forgets everything, is gone, or receivers are slow."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.drills.beside import beside
from dev.drills.rig import Check, Rig

_SLOTS = 256


def hints(rig: Rig, events: int) -> list[Check]:
    """Five workers and three beats while Redis forgets all every second: each event once."""
    with (
        rig.platform(workers=5, beats=3) as platform,
        _flushing(platform.stores.redis.socket_path),
    ):
        platform.publish(events)
        settled = platform.wait_settled(within=120)
        requests, attempts = platform.receiver.requests, platform.count("attempt")
        return [
            *platform.ledger(),
            Check("exactly once", requests == events, requests == events),
            Check("attempts", attempts, attempts == events),
            Check("settled s", round(settled, 1), True),
        ]


def no_redis(rig: Rig, events: int) -> list[Check]:
    """One worker, no beat, and Redis gone after the publishes: all are delivered."""
    with rig.platform(workers=1, beats=0) as platform:
        platform.receiver.delay = 0.5
        platform.publish(events)
        platform.stores.redis.stop()
        left = platform.count("open_delivery")
        settled = platform.wait_settled(within=120)
        platform.stores.redis.start()
        return [
            *platform.ledger(),
            Check("duplicates", platform.duplicates, platform.duplicates == 0),
            Check("open when Redis went", left, left > 0),
            Check("settled s", round(settled, 1), True),
        ]


def slow_receiver(rig: Rig, events: int) -> list[Check]:
    """One child holds 256 sends open at a receiver that takes 2 s."""
    with rig.platform(workers=1, beats=0) as platform:
        platform.receiver.delay = 2.0
        platform.publish(events)
        platform.wait_settled(within=120)
        peak = platform.receiver.peak
        return [
            *platform.ledger(),
            Check("duplicates", platform.duplicates, platform.duplicates == 0),
            Check("open at once", peak, peak >= _SLOTS),
        ]


@contextmanager
def _flushing(redis: Path) -> Iterator[None]:
    def flush(over: threading.Event) -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(redis))
            while not over.wait(1.0):
                connection.sendall(b"FLUSHALL\r\n")
                connection.recv(64)

    with beside(flush):
        yield
