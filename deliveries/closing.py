"""End the open deliveries of what is disabled, deleted or emptied.

Called inside the transaction that closes an endpoint (endpoints.lifecycle) or expunges a
payload (expunge.py), so that nothing waits for an attempt that will never be made. A delivery
that is leased is left to its attempt, and the recording step ends it.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from deliveries.models import DeliveryStatus
from deliveries.queries.paging import first_of_instant, last_of_instant
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
OF_EVENT = SETTLE.format(which="id BETWEEN %(first)s AND %(last)s AND event_id = %(event)s")

# The attempt under way is the last one: when it fails, its delivery is cancelled.
LAST_ATTEMPT = f"""
WITH sending AS MATERIALIZED (
    SELECT id FROM open_delivery
    WHERE id BETWEEN %(first)s AND %(last)s AND event_id = %(event)s AND lease_id IS NOT NULL
    ORDER BY id FOR UPDATE
)
UPDATE open_delivery d
SET settled_as = coalesce(settled_as, {DeliveryStatus.CANCELLED}), scheduled_at = NULL,
    manual_requested = false
FROM sending s WHERE d.id = ANY (ARRAY[s.id])
"""


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


def cancel_event(event_id: UUID) -> int:
    """Cancel what is open of one event; return how many deliveries that ended."""
    facts = {
        "event": event_id,
        "first": first_of_instant(event_id),
        "last": last_of_instant(event_id),
    }
    with connection.cursor() as cursor:
        cursor.execute(OF_EVENT, {**facts, "status": DeliveryStatus.CANCELLED})
        ended: int = cursor.rowcount
        cursor.execute(LAST_ATTEMPT, facts)
    return ended


def _settle(endpoint_ids: Sequence[UUID], status: DeliveryStatus) -> int:
    with connection.cursor() as cursor:
        cursor.execute(OF_ENDPOINTS, {"endpoints": list(endpoint_ids), "status": status})
        ended: int = cursor.rowcount
    return ended
