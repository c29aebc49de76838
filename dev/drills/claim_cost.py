"""Measure what claims cost on a database: `python -m dev.drills.claim_cost SLOTS`, by its settings.

Leases what is due and takes every lease back, so that each claim finds the same queue. Prints
milliseconds, of which a busy machine moves the lower quartile least, and the pages that a claim
reads.
"""

import asyncio
import json
import statistics
import sys
import time

import django

from dev.terminal import say

django.setup()

from deliveries.claim import claim, load_events  # noqa: E402 - needs the settings.
from deliveries.claim_statement import CLAIM  # noqa: E402
from deliveries.rooms import Rooms  # noqa: E402
from webhooks_platform.lib import ids  # noqa: E402
from webhooks_platform.lib.database import PLANNED_ONCE, Connection, connect  # noqa: E402

_ROUNDS = 200
_SLOTS = int(sys.argv[1])
_SECONDS = 30


async def measure() -> dict[str, float]:
    async with await connect("claim-cost", PLANNED_ONCE) as connection:
        pages = await _pages(connection)
        milliseconds = [await _round(connection) for _ in range(_ROUNDS)]
    return {
        "milliseconds": statistics.quantiles(milliseconds, n=4)[0],
        "median": statistics.median(milliseconds),
        "p99": statistics.quantiles(milliseconds, n=100)[-1],
        "pages": pages,
    }


async def _round(connection: Connection) -> float:
    """Claim as the delivery loop does, with the events; return the milliseconds it took.

    The transaction is libpq's affair: psycopg forgets at a rollback what it has prepared, and each
    claim would be planned anew.
    """
    connection.pgconn.exec_(b"BEGIN")
    began = time.perf_counter()
    batch = (await claim(connection, rooms=Rooms(_SLOTS), seconds=_SECONDS)).deliveries
    await load_events(connection, [delivery.event_id for delivery in batch])
    took = time.perf_counter() - began
    connection.pgconn.exec_(b"ROLLBACK")
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
