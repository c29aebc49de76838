"""Collect outcomes while sends go on, and write them down in batches.

Owned by the delivery loop. What cannot be written is tried again until its lease ends; from then
on the sweep answers for it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import psycopg

from deliveries.outcome import Outcome
from deliveries.record import Recorded, record
from webhooks_platform.lib.database import SteadyConnection

log = logging.getLogger(__name__)

#: Outcomes in one statement.
BATCH = 500
#: Seconds between tries while the database is not to be had.
BACKOFF = 0.5
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

    def __init__(self, *, lease: float, disable_after: float, close: Close, done: Done) -> None:
        self._connection = SteadyConnection("webhooks-record")
        self._lease = lease
        self._disable_after = disable_after
        self._close = close
        self._done = done
        self._outcomes: list[Outcome] = []
        self._arrived = asyncio.Event()
        self._stopping = False

    def put(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._arrived.set()

    def stop(self) -> None:
        """End `run` once everything that was put has been written or given up."""
        self._stopping = True
        self._arrived.set()

    async def run(self, gather: Callable[[], float]) -> None:
        """Write until stopped; `gather()` is how many seconds to let outcomes collect."""
        while self._outcomes or not self._stopping:
            await self._arrived.wait()
            if not self._stopping and (pause := gather()):
                await asyncio.sleep(pause)
            batch = self._take()
            if not self._outcomes and not self._stopping:
                self._arrived.clear()
            if batch:
                await self._write(batch)
        await self._connection.aclose()

    def _take(self) -> list[Outcome]:
        characters = size = 0
        for outcome in self._outcomes[:BATCH]:
            characters += len(outcome.request.response) if outcome.request else 0
            if size and characters > EXCERPTS:
                break
            size += 1
        batch, self._outcomes = self._outcomes[:size], self._outcomes[size:]
        return batch

    async def _write(self, batch: list[Outcome]) -> None:
        """Write a batch; never raises. A batch that the database refuses is written singly."""
        for outcome in batch:
            if outcome.reason == "gone":
                await self._close_endpoint(outcome.delivery.endpoint_id, "gone")
        give_up_at = time.monotonic() + self._lease
        while True:
            try:
                await self._record(batch)
                return
            except psycopg.OperationalError as error:
                log.warning("record_failed error=%s outcomes=%d", type(error).__name__, len(batch))
                if time.monotonic() > give_up_at:
                    return
                await asyncio.sleep(BACKOFF)
            except Exception as error:
                await self._split(batch, error)
                return

    async def _split(self, batch: list[Outcome], error: Exception) -> None:
        """Keep one bad member from taking the others with it."""
        if len(batch) > 1:
            for outcome in batch:
                await self._write([outcome])
            return
        # Its lease ends, the sweep writes worker_lost, and the third time it is poison.
        log.error(
            "outcome_not_recorded delivery=%s error=%s", batch[0].delivery.id, type(error).__name__
        )

    async def _record(self, batch: Sequence[Outcome]) -> None:
        connection = await self._connection.get()
        recorded = await record(connection, batch, disable_after=self._disable_after)
        for endpoint_id in recorded.failing_endpoint_ids:
            await self._close_endpoint(endpoint_id, "failing")
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
