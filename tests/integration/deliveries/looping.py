"""Runs a delivery loop in this process, over real PostgreSQL, Redis and sockets."""

import asyncio
import time
from collections.abc import Callable

from django.db import connection

from deliveries.drain import DeliveryLoop, LoopSettings
from deliveries.loop_thread import disable_endpoint
from deliveries.models import Attempt, OpenDelivery
from deliveries.transport import Transport
from deliveries.wake import Waker
from endpoints.address_policy import AddressPolicy

OPTIONS = LoopSettings(in_flight=256, send_timeout=5.0, disable_after=432_000)


def run_loop(
    until: Callable[[], bool], *, seconds: float = 10.0, options: LoopSettings = OPTIONS
) -> None:
    """Run one loop until a condition holds or time is up, then stop it in order."""

    async def run() -> None:
        loop = DeliveryLoop(
            options,
            transport=Transport(policy=AddressPolicy(allowed_networks=["127.0.0.1/32"])),
            waker=Waker(),
            close=disable_endpoint,
        )
        running = asyncio.create_task(loop.run())
        limit = time.monotonic() + seconds
        while time.monotonic() < limit and not await asyncio.to_thread(_checked, until):
            await asyncio.sleep(0.02)
        loop.stop()
        await running

    asyncio.run(run())


def _checked(until: Callable[[], bool]) -> bool:
    try:
        return until()
    finally:
        connection.close()


def nothing_open() -> bool:
    return not OpenDelivery.objects.exists()


def attempts_made(count: int) -> Callable[[], bool]:
    return lambda: Attempt.objects.count() >= count
