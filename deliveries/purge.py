"""Take up the next portions of running purges: all payloads that a tenant had when it asked.

Run by every delivery loop and by beat, beside replay jobs. Each portion is one transaction:
emptied events, their cancelled deliveries, position and count are committed together, so a killed
process leaves nothing counted twice or passed over.
"""

import logging
import time
from typing import Any
from uuid import UUID

from psycopg.errors import LockNotAvailable

from deliveries.closing import LAST_ATTEMPT, OF_DELIVERIES, OPEN_OF_EVENTS
from deliveries.models import ContentPurge, DeliveryStatus
from webhooks_platform.lib.database import Connection

log = logging.getLogger(__name__)

#: Events that one portion looks at.
PORTION = 250
#: Seconds for one round over all purges; the next goes on.
ROUND = 0.25

RUNNING = f"""
SELECT id FROM content_purge WHERE state = '{ContentPurge.State.RUNNING}' ORDER BY id LIMIT 100
"""
LOCK = b"""
SELECT pg_try_advisory_xact_lock(hashtextextended(%s::text, 0)),
       set_config('lock_timeout', '500ms', true)
"""
PURGE = f"""
SELECT tenant_id, position FROM content_purge
WHERE id = %s AND state = '{ContentPurge.State.RUNNING}'
"""
# What was published after the purge was asked for has a higher id than the purge.
EVENTS = """
SELECT id FROM event
WHERE tenant_id = %(tenant)s AND id > %(position)s AND id < %(purge)s ORDER BY id LIMIT %(portion)s
"""
# Events are locked first, as by a resend: one of the two comes after the other.
EMPTY = """
WITH kept AS MATERIALIZED (
    SELECT id FROM event
    WHERE id = ANY (%(events)s) AND id BETWEEN %(low)s AND %(high)s
      AND (payload IS NOT NULL OR headers IS NOT NULL)
    ORDER BY id FOR UPDATE
)
UPDATE event SET payload = NULL, payload_expires_at = NULL, headers = NULL
FROM kept WHERE event.id = kept.id AND event.id BETWEEN %(low)s AND %(high)s
"""
STEP = f"""
UPDATE content_purge
SET position = %(position)s, purged = purged + %(purged)s,
    state = CASE WHEN %(done)s THEN '{ContentPurge.State.FINISHED}' ELSE state END,
    finished_at = CASE WHEN %(done)s THEN clock_timestamp() END
WHERE id = %(purge)s
"""


async def purge(connection: Connection) -> bool:
    """Take up portions of all running purges, for at most ROUND seconds; tell if any is left.

    Any number of processes may do so at once; each purge is one process' at a time.
    """
    cursor = await connection.execute(RUNNING)
    purges = [row[0] for row in await cursor.fetchall()]
    until = time.monotonic() + ROUND
    for purge_id in purges:
        while await _turn(connection, purge_id):
            if time.monotonic() > until:
                return True
    return bool(purges)


async def _turn(connection: Connection, purge_id: UUID) -> bool:
    """Take up a portion; one whose rows somebody holds for long has its turn later."""
    try:
        return await _portion(connection, purge_id)
    except LockNotAvailable:
        log.info("purge_busy")
        return False


async def _portion(connection: Connection, purge_id: UUID) -> bool:
    """Empty the next events; return whether there may be more."""
    async with connection.transaction():
        if not (await _row(connection, LOCK, [purge_id]))[0]:
            return False
        found = await _row(connection, PURGE, [purge_id])
        if not found:
            return False
        at = {"tenant": found[0], "position": found[1], "purge": purge_id, "portion": PORTION}
        # Not prepared: a generic plan would have to open every day's partition.
        cursor = await connection.execute(EVENTS, at, prepare=False)
        events = [row[0] for row in await cursor.fetchall()]
        step = {
            "purge": purge_id,
            "purged": await _empty(connection, events) if events else 0,
            "position": events[-1] if events else found[1],
            "done": len(events) < PORTION,
        }
        await connection.execute(STEP, step)
    return not step["done"]


async def _empty(connection: Connection, events: list[UUID]) -> int:
    """Empty events, which are in the order of their ids, and cancel what is open of them."""
    span = {"events": events, "low": events[0], "high": events[-1]}
    emptied = await connection.execute(EMPTY, span, prepare=False)
    (deliveries,) = await _row(connection, OPEN_OF_EVENTS, {"events": events})
    if deliveries:
        facts = {"deliveries": deliveries, "status": DeliveryStatus.CANCELLED}
        await connection.execute(OF_DELIVERIES, facts)
        await connection.execute(LAST_ATTEMPT, facts)
    return emptied.rowcount


async def _row(connection: Connection, query: bytes | str, values: Any) -> tuple[Any, ...]:
    return await (await connection.execute(query, values)).fetchone() or ()
