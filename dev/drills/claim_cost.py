"""Measure what claims cost on a database: `python -m dev.drills.claim_cost`, with its settings.

Leases what is due and takes every lease back, so that each claim finds the same queue. Prints the
lower quartile in milliseconds, which a busy machine moves least, and the pages that a claim reads.
"""

import asyncio
import json
import statistics
import time

import django

from dev.terminal import say

django.setup()

from deliveries.claim import claim, load_events  # noqa: E402 - needs the settings.
from deliveries.claim_statement import CLAIM  # noqa: E402
from deliveries.rooms import Rooms  # noqa: E402
from webhooks_platform.lib import ids  # noqa: E402
from webhooks_platform.lib.database import Connection, connect  # noqa: E402

_ROUNDS = 200
_SLOTS = 50
_SECONDS = 30


class _Undo(Exception):  # noqa: N818 - nothing has failed.
    """Takes a measured claim back."""


async def measure() -> dict[str, float]:
    async with await connect("claim-cost") as connection:
        milliseconds = [await _round(connection) for _ in range(_ROUNDS)]
        pages = await _pages(connection)
    return {"milliseconds": statistics.quantiles(milliseconds, n=4)[0], "pages": pages}


async def _round(connection: Connection) -> float:
    """Claim as the delivery loop does, with the events; return the milliseconds it took."""
    began = time.perf_counter()
    try:
        async with connection.transaction():
            batch = (await claim(connection, rooms=Rooms(_SLOTS), seconds=_SECONDS)).deliveries
            await load_events(connection, [delivery.event_id for delivery in batch])
            took = time.perf_counter() - began
            raise _Undo
    except _Undo:
        return took * 1000


async def _pages(connection: Connection) -> int:
    """Count the pages that a claim's plan touches, cached or not."""
    lease = {"seconds": _SECONDS, "lease": ids.new(), "at_once": ids.EPOCH}
    values = Rooms(_SLOTS).parameters() | lease
    explain = b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + CLAIM.strip().encode()
    async with connection.transaction(force_rollback=True):
        cursor = await connection.execute(explain, values)
        row = await cursor.fetchone()
    plan = row[0][0]["Plan"] if row else {}
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


if __name__ == "__main__":
    say(json.dumps(asyncio.run(measure())))
