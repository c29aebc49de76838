"""Counts of what became of an endpoint's attempts and deliveries."""

from datetime import datetime
from typing import NamedTuple
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


class EndpointCounts(NamedTuple):
    """Attempts that succeeded and failed; open deliveries not tried yet, and to be tried again;
    cancelled ones."""

    success: int
    fail: int
    pending: int
    sending: int
    canceled: int


def of_endpoint(endpoint_id: UUID, since: datetime, until: datetime) -> EndpointCounts:
    """Count the attempts made, and open and cancelled deliveries of events of that time."""
    span = {
        "endpoint": endpoint_id,
        "first": ids.first_at(since),
        "last": last_of_instant(ids.first_at(until)),
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNT, span)
        return EndpointCounts(*cursor.fetchone())
