"""What a replay job would be about: how many deliveries, which are the first, how long it takes."""

import math
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from deliveries.replay.moment import database_now
from deliveries.selection import LOWEST, Selection
from endpoints.models import Endpoint, Tenant

#: Seconds that a request spends on counting; beyond it, the total is "at least".
BUDGET = 0.5
SCAN = 20_000
SAMPLE = 10
#: Deliveries per second that an estimate reckons with, if no pace is asked for.
USUAL_PACE = 500

COUNT = f"""
WITH scanned AS MATERIALIZED ({{scan}})
SELECT count(*) FILTER (WHERE wanted), count(*) < %(scan)s,
       (SELECT key FROM scanned ORDER BY key DESC LIMIT 1),
       ARRAY(SELECT event_id FROM scanned WHERE wanted ORDER BY key LIMIT {SAMPLE})
FROM scanned
"""
COUNT_WAITING = "SELECT count(*), (array_agg(event_id))[:10] FROM ({waiting}) AS waiting"


@dataclass
class Preview:
    """What is known of a selection; `total` is a lower bound if it is not `exact`."""

    total: int = 0
    exact: bool = True
    #: The first events.
    sample: list[UUID] = field(default_factory=list)

    def add(self, count: int, events: list[UUID] | None) -> None:
        self.total += count
        self.sample = [*self.sample, *(events or [])][:SAMPLE]


def estimated_seconds(deliveries: int, rate_per_second: int | None) -> int:
    """Return how long so many deliveries take, if receivers keep up."""
    return math.ceil(deliveries / (rate_per_second or USUAL_PACE))


def preview(tenant: Tenant, selection: Selection, *, as_of: datetime | None = None) -> Preview:
    """Count what the selection holds, for at most half a second; nothing is stored or locked."""
    found = Preview()
    values = {
        **selection.parameters(tenant.id, as_of or database_now()),
        "scan": SCAN,
        "room": SCAN,
    }
    until = time.monotonic() + BUDGET
    for endpoint_id, disabled_at in lanes(tenant, selection).values_list("id", "disabled_at"):
        waiting = selection.waiting() if disabled_at is None else None
        if waiting is not None:
            _count_waiting(found, waiting, {**values, "endpoint": endpoint_id})
        if not _count_lane(found, selection, {**values, "endpoint": endpoint_id}, until):
            found.exact = False
            break
    return found


def lanes(tenant: Tenant, selection: Selection) -> Any:
    """Return the endpoints that a selection is about; deleted ones receive nothing."""
    rows = Endpoint.objects.filter(tenant=tenant, deleted_at__isnull=True).order_by("id")
    return rows.filter(id__in=selection.endpoint_ids) if selection.endpoint_ids else rows


def _count_lane(found: Preview, selection: Selection, values: dict[str, Any], until: float) -> bool:
    """Count one endpoint's rows; return whether that was finished in time."""
    statement = COUNT.format(scan=selection.scan())
    position: UUID | None = LOWEST
    done = False
    while not done:
        if time.monotonic() > until:
            return False
        with connection.cursor() as cursor:
            cursor.execute(statement, {**values, "position": position})
            count, done, position, events = cursor.fetchone()
        found.add(count, events)
    return True


def _count_waiting(found: Preview, waiting: str, values: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(COUNT_WAITING.format(waiting=waiting), values)
        found.add(*cursor.fetchone())
