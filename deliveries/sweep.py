"""Give back what dead workers had leased: an attempt `worker_lost`, and the delivery due again.

Run by every delivery loop and by beat; an advisory lock lets one sweep at a time. What the
third lost attempt of a delivery means is attempt.py's to say, what changes is record.py's.
"""

import logging
from typing import Any

from deliveries import attempt, measuring, record
from deliveries.outcome import Closed, LeasedDelivery, Outcome
from webhooks_platform.lib import metrics
from webhooks_platform.lib.database import Connection

log = logging.getLogger(__name__)

#: Leases handled by one sweep; a later one goes on.
BATCH = 100
LOCK = b"SELECT pg_try_advisory_xact_lock(hashtext('webhooks.sweep'))"

EXPIRED = """
SELECT id FROM lease WHERE expires_at < clock_timestamp()
ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED
"""

# Leaves a row that is being recorded at this moment: its outcome stands, or is swept later.
ABANDONED = """
SELECT d.id, d.event_id, d.endpoint_id, d.tenant_id, d.lease_id, d.attempts, d.charged, d.faults,
       d.lost, d.trigger, e.url, t.organization_id,
       (SELECT event_type FROM event WHERE event.id = d.event_id)
FROM lease l CROSS JOIN LATERAL unnest(l.delivery_ids) AS leased(id)
CROSS JOIN LATERAL (SELECT * FROM open_delivery WHERE id = leased.id AND lease_id = l.id
                    FOR UPDATE SKIP LOCKED) d
JOIN endpoint e ON e.id = d.endpoint_id JOIN tenant t ON t.id = e.tenant_id
WHERE l.id = ANY(%s)
"""
# What was left keeps its lease, for a later sweep.
ENDED = """
DELETE FROM lease l WHERE l.id = ANY(%s) AND NOT EXISTS (
    SELECT FROM unnest(l.delivery_ids) AS leased(id) CROSS JOIN LATERAL (
        SELECT FROM open_delivery WHERE id = leased.id AND lease_id = l.id OFFSET 0) held)
"""


#: Names of ABANDONED's first columns.
FACTS = (
    "id", "event_id", "endpoint_id", "tenant_id", "lease_id", "number", "charged", "faults",
    "lost", "trigger",
)  # fmt: skip


async def sweep(connection: Connection) -> int:
    """Handle expired leases in one transaction; return how many deliveries were given back."""
    outcomes = await _sweep(connection)
    measuring.count_recorded(outcomes, {outcome.delivery.id for outcome in outcomes})
    metrics.observe_sweep(len(outcomes))
    return len(outcomes)


async def sweep_aloud(connection: Connection) -> bool:
    """Sweep and log what was given back; False, for there is no hurry to do so again."""
    if given_back := await sweep(connection):
        log.warning("worker_lost deliveries=%d", given_back)
    return False


async def _sweep(connection: Connection) -> list[Outcome]:
    async with connection.transaction():
        (free,) = await _row(connection, LOCK)
        if not free:
            return []
        expired = await connection.execute(EXPIRED, [BATCH])
        leases = [row[0] for row in await expired.fetchall()]
        if not leases:
            return []
        abandoned = await (await connection.execute(ABANDONED, [leases])).fetchall()
        outcomes = [_outcome(row) for row in abandoned]
        if outcomes:
            # No endpoint is at fault, so none is disabled for it, however long ago.
            await record.record(connection, outcomes, disable_after=0)
        await connection.execute(ENDED, [leases])
    return outcomes


def _outcome(row: tuple[Any, ...]) -> Outcome:
    (url, organization_id, event_type), facts = row[10:], dict(zip(FACTS, row, strict=False))
    delivery = LeasedDelivery(**facts, closed=Closed.NO, version=(0, 0))
    return attempt.lost(
        delivery, url=url, organization_id=organization_id, event_type=event_type or ""
    )


async def _row(connection: Connection, query: bytes) -> tuple[Any, ...]:
    return await (await connection.execute(query)).fetchone() or (None,)
