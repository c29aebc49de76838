"""Counts of what became of an endpoint's attempts and deliveries."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from deliveries.models import DeliveryStatus
from deliveries.queries.paging import last_of_instant
from webhooks_platform.lib import ids

COUNT = f"""
SELECT (SELECT count(*) FROM attempt a
        WHERE a.endpoint_id = %(endpoint)s AND a.id >= %(first)s AND a.id <= %(last)s
          AND a.error_kind IS NULL),
       (SELECT count(*) FROM attempt a
        WHERE a.endpoint_id = %(endpoint)s AND a.id >= %(first)s AND a.id <= %(last)s
          AND a.error_kind IS NOT NULL),
       (SELECT count(*) FROM open_delivery o
        WHERE o.endpoint_id = %(endpoint)s AND o.id >= %(first)s AND o.id <= %(last)s
          AND o.last_status_code IS NULL),
       (SELECT count(*) FROM open_delivery o
        WHERE o.endpoint_id = %(endpoint)s AND o.id >= %(first)s AND o.id <= %(last)s
          AND o.last_status_code IS NOT NULL),
       (SELECT count(*) FROM settled_delivery s
        WHERE s.endpoint_id = %(endpoint)s AND s.id >= %(first)s AND s.id <= %(last)s
          AND s.status = {DeliveryStatus.CANCELLED})
"""

# A cancelled delivery has no attempt by which it could be told; it counts by its event's time.
COUNT_ATTEMPTS = """
SELECT count(*) FILTER (WHERE error_kind IS NULL), count(*) FILTER (WHERE error_kind IS NOT NULL),
       (SELECT count(*) FROM settled_delivery s
        WHERE s.endpoint_id = %(endpoint)s AND s.id >= %(first)s AND s.id <= %(last)s
          AND s.status = %(cancelled)s)
FROM attempt a WHERE a.endpoint_id = %(endpoint)s AND a.id >= %(first)s AND a.id <= %(last)s
"""


class EndpointCounts(NamedTuple):
    """Attempts that succeeded and failed; open deliveries not tried yet, and to be tried again;
    cancelled ones."""

    success: int
    fail: int
    pending: int
    sending: int
    canceled: int


class AttemptCounts(NamedTuple):
    """Attempts that succeeded and failed; deliveries that ended cancelled."""

    success: int
    fail: int
    canceled: int


def of_endpoint(endpoint_id: UUID, since: datetime, until: datetime) -> EndpointCounts:
    """Count the attempts made, and open and cancelled deliveries of events of that time."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, _span(endpoint_id, since, until))
        return EndpointCounts(*cursor.fetchone())


def attempts_of_endpoint(endpoint_id: UUID, since: datetime, until: datetime) -> AttemptCounts:
    """Count the attempts made between two times, and what was cancelled of their events."""
    span = {**_span(endpoint_id, since, until), "cancelled": DeliveryStatus.CANCELLED}
    with connection.cursor() as cursor:
        cursor.execute(COUNT_ATTEMPTS, span)
        return AttemptCounts(*cursor.fetchone())


def _span(endpoint_id: UUID, since: datetime, until: datetime) -> dict[str, Any]:
    return {
        "endpoint": endpoint_id,
        "first": ids.first_at(since),
        "last": last_of_instant(ids.first_at(until)),
    }
