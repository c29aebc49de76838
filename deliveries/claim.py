"""Lease a fair batch of due deliveries, and load what sending them needs.

Called by the delivery loop. One short statement leases; the transaction is over before anything
is sent. No row is locked afterwards: the lease's id is the fencing token.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from deliveries.models import DeliveryStatus
from deliveries.outcome import Closed, EventContent, LeasedDelivery
from webhooks_platform.lib import ids
from webhooks_platform.lib.database import Connection


def _offer(lane: str, rows: str) -> str:
    """Return SQL that locks the first due rows of a lane and counts them as its `turn`s."""
    return f"""
        SELECT locked.id, locked.next_attempt_at, row_number() OVER () AS turn
        FROM (SELECT id, next_attempt_at FROM open_delivery
              WHERE endpoint_id = {lane}.endpoint_id AND next_attempt_at <= {lane}.due_by
                AND lease_id IS NULL
              ORDER BY next_attempt_at LIMIT {rows}
              FOR UPDATE SKIP LOCKED) locked
    """


# Lanes (endpoints with deliveries that nobody has leased) are found by skipping through the
# index, one probe each: a row keeps its due time while it is leased, so a lane counts by the
# first one that is free. The free slots are shared equally by the tenants that may send, and a
# tenant's by its lanes. What short lanes leave is offered, twice over, to those that filled their
# share. Then turns go round by endpoint inside a tenant and by tenant over all, so that a backlog
# of one is not in the way of another. A claim changes no indexed column, which keeps it a heap-only
# update. Its rows are looked up by id whatever the planner thinks of the table: see RECORD.
CLAIM = f"""
WITH RECURSIVE moment AS MATERIALIZED (SELECT clock_timestamp() AS now),
lane AS (
    (SELECT endpoint_id, next_attempt_at FROM open_delivery WHERE lease_id IS NULL
     ORDER BY endpoint_id, next_attempt_at LIMIT 1)
    UNION ALL
    SELECT following.endpoint_id, following.next_attempt_at
    FROM lane, LATERAL (
        SELECT endpoint_id, next_attempt_at FROM open_delivery
        WHERE endpoint_id > lane.endpoint_id AND lease_id IS NULL
        ORDER BY endpoint_id, next_attempt_at LIMIT 1) following
),
waiting AS MATERIALIZED (
    SELECT e.id AS endpoint_id, e.tenant_id, e.version, t.version AS tenant_version,
           lane.next_attempt_at AS first_due,
           CASE WHEN e.deleted_at IS NOT NULL OR t.deleted_at IS NOT NULL THEN {Closed.DELETED}
                WHEN e.disabled_at IS NOT NULL THEN {Closed.DISABLED}
                ELSE {Closed.NO} END AS closed,
           CASE WHEN h.paused_until > moment.now AND e.disabled_at IS NULL
                THEN %(at_once)s ELSE moment.now END AS due_by
    FROM lane CROSS JOIN moment
    JOIN endpoint e ON e.id = lane.endpoint_id
    JOIN tenant t ON t.id = e.tenant_id
    LEFT JOIN endpoint_health h ON h.endpoint_id = e.id
    WHERE lane.next_attempt_at <= moment.now
),
ready AS MATERIALIZED (
    SELECT * FROM waiting WHERE first_due <= due_by
),
share AS MATERIALIZED (
    SELECT tenant_id, ceil(%(slots)s::numeric / (count(*) * count(*) OVER ()))::int AS rows
    FROM ready GROUP BY tenant_id
),
first_round AS MATERIALIZED (
    SELECT ready.*, share.rows, due.*
    FROM ready JOIN share USING (tenant_id), LATERAL ({_offer("ready", "share.rows")}) due
),
spare AS MATERIALIZED (
    SELECT least(free, ceil(2.0 * free / nullif(lanes, 0)))::int AS rows
    FROM (SELECT %(slots)s - count(*) AS free, count(*) FILTER (WHERE turn = rows) AS lanes
          FROM first_round) left_over
),
candidate AS (
    SELECT * FROM first_round
    UNION ALL
    SELECT filled.endpoint_id, filled.tenant_id, filled.version, filled.tenant_version,
           filled.first_due, filled.closed, filled.due_by, filled.rows, due.*
    FROM spare CROSS JOIN first_round filled,
         LATERAL ({_offer("filled", "filled.rows + spare.rows")}) due
    WHERE spare.rows > 0 AND filled.turn = filled.rows
      AND due.id NOT IN (SELECT id FROM first_round)
),
picked AS MATERIALIZED (
    SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY tenant_id ORDER BY turn, next_attempt_at)
                  AS tenant_turn
        FROM candidate) ranked
    ORDER BY tenant_turn, next_attempt_at LIMIT %(slots)s
),
claimed AS (
    UPDATE open_delivery d
    SET status = {DeliveryStatus.SENDING}, lease_id = %(lease)s, attempts = d.attempts + 1
    FROM picked p WHERE d.id = ANY (ARRAY[p.id])
    RETURNING d.id, d.event_id, d.endpoint_id, d.tenant_id, d.attempts, d.charged, d.faults,
              d.lost, d.trigger, p.closed, p.version, p.tenant_version
),
leased AS (
    INSERT INTO lease (id, expires_at, delivery_ids)
    SELECT %(lease)s, clock_timestamp() + %(seconds)s * interval '1 second', array_agg(id)
    FROM claimed HAVING count(*) > 0
)
SELECT * FROM claimed
"""

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


async def claim(connection: Connection, *, slots: int, seconds: float) -> list[LeasedDelivery]:
    """Lease up to `slots` due deliveries for `seconds`; committed on return.

    Rows of closed endpoints come along, marked, so that they can be parked or cancelled.
    """
    lease = ids.new()
    parameters = {"slots": slots, "seconds": seconds, "lease": lease, "at_once": ids.EPOCH}
    cursor = await connection.execute(CLAIM, parameters, binary=True)
    return [_leased(lease, row) for row in await cursor.fetchall()]


async def extend(connection: Connection, lease: UUID, *, seconds: float) -> bool:
    """Let a lease end `seconds` from now; False if it was taken back: then send nothing."""
    cursor = await connection.execute(EXTEND, {"lease": lease, "seconds": seconds})
    return cursor.rowcount == 1


def _leased(lease: UUID, row: tuple[Any, ...]) -> LeasedDelivery:
    (delivery, event, endpoint, tenant, number, charged, faults, lost, trigger) = row[:9]
    closed, version, tenant_version = row[9:]
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
