"""Lease a fair batch of due deliveries, and load what sending them needs.

Called by the delivery loop. One short statement leases; the transaction is over before anything
is sent. No row is locked afterwards: the lease's id is the fencing token.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from deliveries.claim_statement import CLAIM, CLAIM_LIMITED
from deliveries.outcome import Closed, EventContent, LeasedDelivery
from webhooks_platform.lib import ids
from webhooks_platform.lib.database import Connection

# The sweep removes a lease that it has taken back.
EXTEND = """
UPDATE lease SET expires_at = clock_timestamp() + %(seconds)s * interval '1 second'
WHERE id = %(lease)s
"""

# Bounds on the id leave the partitions of other days out of the plan.
EVENTS = """
SELECT id, organization_id, event_type, payload,
       coalesce(payload_expires_at <= clock_timestamp(), false) AS expired, traceparent, headers,
       deliver_at
FROM event WHERE id = ANY(%(ids)s) AND id >= %(first)s AND id <= %(last)s
"""


#: Seconds for which a loop expects further deliveries to endpoints with a rate.
EXPECT_LIMITED = 10.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """What one claim has leased, and what it found of lanes with a rate."""

    deliveries: list[LeasedDelivery]
    #: There are due deliveries of such lanes, or were until this claim.
    limited: bool = False
    #: Seconds until one of them that was left out may send again; None if none was.
    throttled: float | None = None


class Claims:
    """The claims of one loop: rates cost something only while there are some to obey."""

    def __init__(self) -> None:
        self._limited_until = 0.0

    async def claim(self, connection: Connection, *, slots: int, seconds: float) -> Claimed:
        """Lease up to `slots` due deliveries for `seconds`; committed on return.

        Rows of closed endpoints come along, marked, so that they can be parked or cancelled.
        """
        expected = time.monotonic() < self._limited_until
        claimed = await claim(connection, slots=slots, seconds=seconds, limited=expected)
        if not claimed.limited:
            return claimed
        self._limited_until = time.monotonic() + EXPECT_LIMITED
        if expected or claimed.deliveries:
            return claimed
        return await claim(connection, slots=slots, seconds=seconds, limited=True)


async def claim(
    connection: Connection, *, slots: int, seconds: float, limited: bool = False
) -> Claimed:
    """Claim once; lanes with a rate are left out, and only reported, unless `limited`."""
    lease = ids.new()
    parameters = {"slots": slots, "seconds": seconds, "lease": lease, "at_once": ids.EPOCH}
    statement = CLAIM_LIMITED if limited else CLAIM
    rows = await (await connection.execute(statement, parameters, binary=True)).fetchall()
    if not rows or rows[-1][0] is not None:
        return Claimed([_leased(lease, row) for row in rows])
    *deliveries, (*_, throttled) = rows
    return Claimed([_leased(lease, row) for row in deliveries], True, throttled)


async def extend(connection: Connection, lease: UUID, *, seconds: float) -> bool:
    """Let a lease end `seconds` from now; False if it was taken back: then send nothing."""
    cursor = await connection.execute(EXTEND, {"lease": lease, "seconds": seconds})
    return cursor.rowcount == 1


def _leased(lease: UUID, row: tuple[Any, ...]) -> LeasedDelivery:
    (delivery, event, endpoint, tenant, number, charged, faults, lost, trigger) = row[:9]
    closed, version, tenant_version = row[9:12]
    return LeasedDelivery(
        id=delivery,
        event_id=event,
        endpoint_id=endpoint,
        tenant_id=tenant,
        lease_id=lease,
        number=number,
        charged=charged,
        faults=faults,
        lost=lost,
        trigger=trigger,
        closed=Closed(closed),
        version=(version, tenant_version),
    )


async def load_events(
    connection: Connection, event_ids: Sequence[UUID]
) -> dict[UUID, EventContent]:
    """Return the events by id; one that retention has dropped is missing."""
    wanted = sorted(set(event_ids))
    parameters = {"ids": wanted, "first": wanted[0], "last": wanted[-1]}
    async with connection.cursor(binary=True, row_factory=class_row(EventContent)) as cursor:
        # Not prepared: a generic plan would have to open every day's partition.
        await cursor.execute(EVENTS, parameters, prepare=False)
        return {event.id: event async for event in cursor}
