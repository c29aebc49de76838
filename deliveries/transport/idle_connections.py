"""Kept-alive connections between requests: whose they are, how many, and for how long.

A send never waits for one: it takes what is there or dials. The key is the whole origin with its
TLS identity, so two hosts on one address never share a connection, nor two client certificates.
"""

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

from deliveries.transport.connection import Connection

IDLE_SECONDS: Final = 15.0
AGE_SECONDS: Final = 300.0  # After that the name is resolved again.
SWEEP_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Origin:
    """What a connection was opened for; `identity` names the client certificate, if any."""

    scheme: str
    host: str
    port: int
    identity: str = ""


class IdleConnections:
    """The newest is taken first, so that surplus ones grow old and are closed."""

    def __init__(self, *, per_origin: int, total: int) -> None:
        self._per_origin = per_origin
        self._total = total
        self._by_origin: dict[Origin, deque[Connection]] = {}
        self._by_age: OrderedDict[Connection, Origin] = OrderedDict()
        self._sweep_timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._by_age)

    def take(self, origin: Origin) -> Connection | None:
        """Return a connection on which nothing has happened since it was put, or None."""
        waiting = self._by_origin.get(origin)
        now = asyncio.get_running_loop().time()
        while waiting:
            connection = waiting.pop()
            del self._by_age[connection]
            if not _is_expired(connection, now) and connection.is_quiet():
                return connection
            connection.close()
        self._by_origin.pop(origin, None)
        return None

    def put(self, origin: Origin, connection: Connection) -> None:
        """Keep a connection that may carry another request; the oldest gives way when full."""
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        waiting = self._by_origin.setdefault(origin, deque())
        if len(waiting) >= self._per_origin:
            self._remove(waiting[0])
        elif len(self._by_age) >= self._total:
            self._remove(next(iter(self._by_age)))
        self._by_origin.setdefault(origin, waiting).append(connection)
        self._by_age[connection] = origin
        if self._sweep_timer is None:
            self._sweep_timer = loop.call_later(SWEEP_SECONDS, self._sweep)

    def drop(self, origin: Origin) -> None:
        """Close all of an origin's: one of them was stale, so the others may be."""
        for connection in list(self._by_origin.get(origin, ())):
            self._remove(connection)

    def drop_all(self) -> None:
        for connection in list(self._by_age):
            self._remove(connection)
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
            self._sweep_timer = None

    def _remove(self, connection: Connection) -> None:
        origin = self._by_age.pop(connection)
        waiting = self._by_origin[origin]
        waiting.remove(connection)
        if not waiting:
            del self._by_origin[origin]
        connection.close()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in [c for c in self._by_age if not c.is_open or _is_expired(c, now)]:
            self._remove(connection)
        self._sweep_timer = loop.call_later(SWEEP_SECONDS, self._sweep) if self._by_age else None


def _is_expired(connection: Connection, now: float) -> bool:
    idle_limit = IDLE_SECONDS
    if connection.idle_limit is not None and connection.idle_limit < idle_limit:
        idle_limit = connection.idle_limit
    return now - connection.idle_since >= idle_limit or now - connection.opened_at >= AGE_SECONDS
