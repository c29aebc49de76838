"""Collect outcomes while sends go on, and write them down in batches.

Owned by the delivery loop. What cannot be written is tried again for as long as the process lives,
and holding.py keeps its leases meanwhile. Only a single outcome that the database cancels again and
again is given up; its lease then ends, and the sweep answers for it.
"""

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import psycopg

from deliveries.outcome import Outcome
from deliveries.record import Recorded, record
from webhooks_platform.lib.database import PLANNED_ONCE, SteadyConnection

log = logging.getLogger(__name__)

#: Outcomes in one statement.
BATCH = 500
#: Seconds between tries while the database is not to be had.
BACKOFF = 0.5
#: Tries of one outcome that the database cancels, each after all others that wait.
CANCELLED = 3
#: Tries to disable an endpoint; after them, the next failure of the endpoint tries again.
CLOSE_TRIES = 10
#: Excerpts in one statement, in characters; 500 answers of 16 KiB would be 8 MB.
EXCERPTS = 1_000_000

Close = Callable[[UUID, str], Awaitable[None]]
Done = Callable[[Sequence[Outcome], Recorded], None]


class Recorder:
    """A queue of outcomes in front of record.py.

    `close` disables an endpoint, in a transaction of its own; `done` hears of each batch written.
    """

    def __init__(self, *, patience: float, disable_after: float, close: Close, done: Done) -> None:
        """`patience` is in seconds, from a stop until what cannot be written is given up."""
        self._connection = SteadyConnection("webhooks-record", PLANNED_ONCE)
        self._patience = patience
        self._disable_after = disable_after
        self._close = close
        self._done = done
        self._outcomes: list[Outcome] = []
        self._arrived = asyncio.Event()
        self._cancelled: Counter[UUID] = Counter()
        self._give_up_at = math.inf

    @property
    def waiting(self) -> int:
        """How many outcomes have not been written, those under way among them."""
        return len(self._outcomes)

    def lease_ids(self) -> set[UUID]:
        """Return the leases on which the waiting outcomes depend."""
        return {outcome.delivery.lease_id for outcome in self._outcomes}

    def put(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._arrived.set()

    def stop(self) -> None:
        """End `run` once everything that was put has been written or given up."""
        self._give_up_at = time.monotonic() + self._patience
        self._arrived.set()

    @property
    def _stopping(self) -> bool:
        return self._give_up_at < math.inf

    async def run(self, gather: Callable[[], float]) -> None:
        """Write until stopped; `gather()` is how many seconds to let outcomes collect."""
        while self._outcomes or not self._stopping:
            await self._arrived.wait()
            if not self._stopping and (pause := gather()):
                await asyncio.sleep(pause)
            if batch := self._next():
                await self._close_gone(batch)
                await self._write(batch)
                del self._outcomes[: len(batch)]
            if not self._outcomes and not self._stopping:
                self._arrived.clear()
        await self._connection.aclose()

    def _next(self) -> list[Outcome]:
        """Return the outcomes of the next statement; they wait until it has written them."""
        characters = size = 0
        for outcome in self._outcomes[:BATCH]:
            characters += len(outcome.request.response) if outcome.request else 0
            if size and characters > EXCERPTS:
                break
            size += 1
        return self._outcomes[:size]

    async def _close_gone(self, batch: Sequence[Outcome]) -> None:
        for outcome in batch:
            if outcome.reason == "gone":
                await self._close_endpoint(outcome.delivery.endpoint_id, "gone")

    async def _write(self, batch: Sequence[Outcome]) -> None:
        """Write a batch; never raises. One that the database refuses is written in halves."""
        while True:
            try:
                return await self._record(batch)
            except psycopg.OperationalError as error:
                log.warning("record_failed error=%s outcomes=%d", type(error).__name__, len(batch))
                cancelled = isinstance(error, psycopg.errors.QueryCanceled)
                if cancelled or time.monotonic() > self._give_up_at:
                    return await self._split(batch, error)
                await asyncio.sleep(BACKOFF)
            except Exception as error:
                return await self._split(batch, error)

    async def _split(self, batch: Sequence[Outcome], error: Exception) -> None:
        """Keep one bad member from taking the others with it, or making them wait."""
        if time.monotonic() < self._give_up_at:
            if len(batch) > 1:
                half = len(batch) // 2
                await self._write(batch[:half])
                await self._write(batch[half:])
                return
            if isinstance(error, psycopg.errors.QueryCanceled) and self._may_wait(batch[0]):
                self._outcomes.append(batch[0])
                return
        for outcome in batch:
            self._cancelled.pop(outcome.delivery.id, None)
        # Its lease ends, the sweep writes worker_lost, and the third time it is poison.
        log.error(
            "outcome_not_recorded delivery=%s error=%s outcomes=%d",
            batch[0].delivery.id,
            type(error).__name__,
            len(batch),
        )

    def _may_wait(self, outcome: Outcome) -> bool:
        """Count a try that was cancelled; return whether there may be another."""
        self._cancelled[outcome.delivery.id] += 1
        return self._cancelled[outcome.delivery.id] < CANCELLED

    async def _record(self, batch: Sequence[Outcome]) -> None:
        connection = await self._connection.get()
        recorded = await record(connection, batch, disable_after=self._disable_after)
        for endpoint_id in recorded.failing_endpoint_ids:
            await self._close_endpoint(endpoint_id, "failing")
        if self._cancelled:
            for outcome in batch:
                self._cancelled.pop(outcome.delivery.id, None)
        self._done(batch, recorded)

    async def _close_endpoint(self, endpoint_id: UUID, reason: str) -> None:
        for _ in range(CLOSE_TRIES):
            if await self._closed(endpoint_id, reason):
                return
            await asyncio.sleep(BACKOFF)

    async def _closed(self, endpoint_id: UUID, reason: str) -> bool:
        try:
            await self._close(endpoint_id, reason)
        except Exception as error:
            kind = type(error).__name__
            log.error("endpoint_not_disabled endpoint=%s error=%s", endpoint_id, kind)
            return False
        return True
