"""End the open deliveries of what is disabled, deleted or emptied.

Called inside the transaction that closes an endpoint (endpoints.lifecycle), expunges a payload or
cancels an event (expunge.py), so that nothing waits for an attempt that will never be made. A
delivery that is leased is left to its attempt, and the recording step ends it.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from deliveries.models import DeliveryStatus
from deliveries.replay_progress import COUNT_ENDED
from endpoints.closing import Ending

# Rows are locked in the order of their ids, as everywhere.
# A re-opened delivery is again what it was before the manual attempt that is not made now.
SETTLE = f"""
WITH waiting AS MATERIALIZED (
    SELECT id FROM open_delivery WHERE {{which}} AND lease_id IS NULL ORDER BY id FOR UPDATE
),
gone AS (
    DELETE FROM open_delivery d USING waiting w WHERE d.id = ANY (ARRAY[w.id])
    RETURNING d.id, event_id, endpoint_id, tenant_id, attempts, last_status_code, last_error,
              settled_as, replay_id, job_id
),
ending AS (
    SELECT replay_id AS id, false AS delivered FROM gone WHERE replay_id IS NOT NULL
    UNION ALL
    SELECT job_id, false FROM gone WHERE job_id IS NOT NULL
),
{COUNT_ENDED.strip()}
INSERT INTO settled_delivery (id, event_id, endpoint_id, tenant_id, status, attempts,
                              last_status_code, last_error, settled_at)
SELECT id, event_id, endpoint_id, tenant_id, coalesce(settled_as, %(status)s), attempts,
       last_status_code, last_error, clock_timestamp()
FROM gone
"""
OF_ENDPOINTS = SETTLE.format(which="endpoint_id = ANY(%(endpoints)s)")
OF_DELIVERIES = SETTLE.format(which="id = ANY (%(deliveries)s)")

# A delivery's id lies in the millisecond of its event's; OFFSET 0 keeps it one look-up each.
OPEN_OF_EVENTS = """
SELECT coalesce(array_agg(o.id), '{}') FROM unnest(%(events)s::uuid[]) AS e(id), LATERAL (
    SELECT id FROM open_delivery
    WHERE id >= (left(e.id::text, 13) || '-0000-0000-000000000000')::uuid
      AND id <= (left(e.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid
      AND event_id = e.id OFFSET 0) o
"""

# An attempt under way is the last one: when it fails, its delivery is cancelled.
LAST_ATTEMPT = f"""
WITH sending AS MATERIALIZED (
    SELECT id FROM open_delivery
    WHERE id = ANY (%(deliveries)s) AND lease_id IS NOT NULL
    ORDER BY id FOR UPDATE
)
UPDATE open_delivery d
SET settled_as = coalesce(settled_as, {DeliveryStatus.CANCELLED}), scheduled_at = NULL,
    manual_requested = false
FROM sending s WHERE d.id = ANY (ARRAY[s.id])
"""


class Cancelled(NamedTuple):
    """How many deliveries a cancelling ended, and how many have their last attempt under way."""

    ended: int
    under_way: int


def settle_closed(endpoint_ids: Sequence[UUID], ending: Ending) -> None:
    """Park what is open at disabled endpoints, cancel what is open at deleted ones."""
    if ending is Ending.DELETED:
        cancel(endpoint_ids)
    else:
        park(endpoint_ids)


def park(endpoint_ids: Sequence[UUID]) -> int:
    """Park what is open at disabled endpoints; return how many deliveries that ended."""
    return _settle(endpoint_ids, DeliveryStatus.PARKED)


def cancel(endpoint_ids: Sequence[UUID]) -> int:
    """Cancel what is open at deleted endpoints; return how many deliveries that ended."""
    return _settle(endpoint_ids, DeliveryStatus.CANCELLED)


def cancel_events(event_ids: Sequence[UUID]) -> Cancelled:
    """Cancel what is open of some events."""
    with connection.cursor() as cursor:
        cursor.execute(OPEN_OF_EVENTS, {"events": list(event_ids)})
        facts = {"deliveries": cursor.fetchone()[0], "status": DeliveryStatus.CANCELLED}
        cursor.execute(OF_DELIVERIES, facts)
        ended = cursor.rowcount
        cursor.execute(LAST_ATTEMPT, facts)
        return Cancelled(ended, cursor.rowcount)


def _settle(endpoint_ids: Sequence[UUID], status: DeliveryStatus) -> int:
    with connection.cursor() as cursor:
        cursor.execute(OF_ENDPOINTS, {"endpoints": list(endpoint_ids), "status": status})
        ended: int = cursor.rowcount
    return ended
