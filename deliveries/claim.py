"""Lease a fair batch of due deliveries, and load what sending them needs.

Called by the delivery loop. One short statement leases; the transaction is over before anything
is sent. No row is locked afterwards: the lease's id is the fencing token.
"""

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from deliveries.claim_statement import CLAIM, CLAIM_LIMITED
from deliveries.outcome import Closed, EventContent, LeasedDelivery
from deliveries.rooms import Rooms
from endpoints.policy import SEND_TIMEOUT_MAX
from webhooks_platform.lib import ids
from webhooks_platform.lib.database import Connection

# The sweep removes a lease that it has taken back.
EXTEND = """
UPDATE lease SET expires_at = clock_timestamp() + %(seconds)s * interval '1 second'
WHERE id = %(lease)s
"""

# Bounds on the id leave the partitions of other days out of the plan, which is made once a day:
# a plan for any id would have to open every day's partition.
EVENTS = """
SELECT id, organization_id, event_type, payload,
       coalesce(payload_expires_at <= clock_timestamp(), false) AS expired, traceparent, headers,
       deliver_at
FROM event WHERE id = ANY(%(ids)s) AND id >= {first} AND id < {end}
"""


#: Seconds within which an attempt at a half-open endpoint has ended, or its worker has died.
PROBE = SEND_TIMEOUT_MAX + 15.0
#: Seconds for which a loop expects further deliveries to endpoints with a rate, or half open.
EXPECT_LIMITED = 10.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """What one claim has leased, and what it found of lanes with a rate."""

    deliveries: list[LeasedDelivery]
    #: A lane gave all that it was asked for: it may have more that is due.
    more: bool = False
    #: There are due deliveries of such lanes, or half-open ones, or were until this claim.
    limited: bool = False
    #: Seconds until one of them that was left out may send again; None if none was.
    throttled: float | None = None


class Claims:
    """The claims of one loop: rates cost something only while there are some to obey."""

    def __init__(self) -> None:
        self._limited_until = 0.0

    async def claim(self, connection: Connection, *, rooms: Rooms, seconds: float) -> Claimed:
        """Lease due deliveries for which there is room for `seconds`; committed on return.

        Rows of closed endpoints come along, marked, so that they can be parked or cancelled.
        """
        expected = time.monotonic() < self._limited_until
        claimed = await claim(connection, rooms=rooms, seconds=seconds, limited=expected)
        if not claimed.limited:
            return claimed
        self._limited_until = time.monotonic() + EXPECT_LIMITED
        if expected or claimed.deliveries:
            return claimed
        return await claim(connection, rooms=rooms, seconds=seconds, limited=True)


async def claim(
    connection: Connection, *, rooms: Rooms, seconds: float, limited: bool = False
) -> Claimed:
    """Claim once; unless `limited`, lanes with a rate or a half-open breaker are only reported."""
    lease = ids.new()
    parameters = rooms.parameters() | {
        "seconds": seconds,
        "lease": lease,
        "at_once": ids.EPOCH,
        "probe": PROBE,
    }
    statement = CLAIM_LIMITED if limited else CLAIM
    rows = await (await connection.execute(statement, parameters, binary=True)).fetchall()
    if not rows or rows[-1][0] is not None:
        return _claimed(lease, rows)
    *deliveries, (*_, throttled) = rows
    # A lane with a rate gives what it may; only the next claim tells when it may give more.
    found = _claimed(lease, deliveries)
    return replace(found, more=bool(deliveries), limited=True, throttled=throttled)


async def extend(connection: Connection, lease: UUID, *, seconds: float) -> bool:
    """Let a lease end `seconds` from now; False if it was taken back: then send nothing."""
    cursor = await connection.execute(EXTEND, {"lease": lease, "seconds": seconds})
    return cursor.rowcount == 1


def _claimed(lease: UUID, rows: Sequence[tuple[Any, ...]]) -> Claimed:
    return Claimed([_leased(lease, row) for row in rows], more=bool(rows and rows[0][-1]))


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
    wanted = list(set(event_ids))
    days = ids.timestamp(min(wanted)).date(), ids.timestamp(max(wanted)).date()
    async with connection.cursor(binary=True, row_factory=class_row(EventContent)) as cursor:
        await cursor.execute(_of_days(*days), {"ids": wanted}, prepare=True)
        return {event.id: event for event in await cursor.fetchall()}


@functools.lru_cache(maxsize=64)
def _of_days(first: date, last: date) -> str:
    """Return EVENTS for ids from the start of one day to the end of another."""
    return EVENTS.format(first=f"'{ids.of_day(first)[0]}'", end=f"'{ids.of_day(last)[1]}'")
