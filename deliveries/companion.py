"""A step that a delivery loop repeats beside its claims, on a connection of its own."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection

import psycopg

from webhooks_platform.lib.database import Connection, SteadyConnection

log = logging.getLogger(__name__)

#: Does something, and returns whether there is more of it to come soon.
Step = Callable[[Connection], Awaitable[bool]]
#: Seconds after which a task that goes on is cancelled once more.
CANCEL_AGAIN = 2.0


class Companion:
    """Runs `step` every `period` seconds, or `busy_period` while there is more, and when nudged.

    An error is logged, and the next turn tries again.
    """

    def __init__(
        self, name: str, step: Step, *, period: float, busy_period: float | None = None
    ) -> None:
        self._name = name
        self._step = step
        self._period = period
        self._busy_period = period if busy_period is None else busy_period
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        """Take the next turn now."""
        self._nudged.set()

    async def run(self) -> None:
        """Repeat until cancelled."""
        connection = SteadyConnection(f"webhooks-{self._name}")
        try:
            while True:
                self._nudged.clear()
                more = await self._turn(connection)
                await self._pause(self._busy_period if more else self._period)
        finally:
            await connection.aclose()

    async def _turn(self, connection: SteadyConnection) -> bool:
        try:
            return await self._step(await connection.get())
        except psycopg.Error as error:
            log.warning("%s_failed error=%s", self._name, type(error).__name__)
        except Exception:
            log.exception("%s_failed", self._name)
        return False

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._nudged.wait()
        except TimeoutError:
            pass


async def end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel tasks until all have ended.

    Once is not enough: up to Python 3.11 asyncio.wait_for, by which redis-py sends and psycopg
    waits, forgets a cancellation that comes just when what it waits for is done.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN)
    await asyncio.gather(*tasks, return_exceptions=True)
