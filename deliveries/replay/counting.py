"""What a replay job would be about: how many deliveries, which are the first, how long it takes."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from deliveries.replay.moment import database_now
from deliveries.selection import LOWEST, Selection
from endpoints.models import Endpoint, Tenant

#: Seconds that a request spends on counting; beyond it, the total is "at least".
BUDGET = 0.5
#: Rows that one statement looks at, and waiting retries that are counted of an endpoint.
SCAN = 4000
ROOM = 20_000
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
        "room": ROOM,
    }
    until = time.monotonic() + BUDGET
    with _cut_short(found):
        for endpoint_id, disabled_at in lanes(tenant, selection).values_list("id", "disabled_at"):
            lane = {**values, "endpoint": endpoint_id}
            waiting = selection.waiting() if disabled_at is None else None
            if waiting is not None:
                _count_waiting(found, waiting, lane, until)
            _count_lane(found, selection, lane, until)
    return found


def lanes(tenant: Tenant, selection: Selection) -> Any:
    """Return the endpoints that a selection is about; deleted ones receive nothing."""
    rows = Endpoint.objects.filter(tenant=tenant, deleted_at__isnull=True).order_by("id")
    return rows.filter(id__in=selection.endpoint_ids) if selection.endpoint_ids else rows


class _OutOfTimeError(Exception):
    """The budget is used up."""


@contextmanager
def _cut_short(found: Preview) -> Iterator[None]:
    """Let what is counted so far be a lower bound when time is up, also within a statement."""
    try:
        with transaction.atomic():
            yield
            _set_local(statement_timeout=None, enable_seqscan=None)
    except _OutOfTimeError:
        found.exact = False
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        found.exact = False


def _ask(statement: str, values: dict[str, Any], until: float) -> Any:
    """Return the statement's row, if it has one in time."""
    left = int((until - time.monotonic()) * 1000)
    if left <= 0:
        raise _OutOfTimeError
    # Planned while the queue is empty, a probe per row would read the whole table when it fills.
    _set_local(statement_timeout=f"{left}ms", enable_seqscan="off")
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()


def _set_local(**settings: str | None) -> None:
    """Change settings until the transaction ends, or put them back (None)."""
    with connection.cursor() as cursor:
        for name, value in settings.items():
            cursor.execute(f"SET LOCAL {name} TO {'DEFAULT' if value is None else repr(value)}")


def _count_lane(found: Preview, selection: Selection, values: dict[str, Any], until: float) -> None:
    statement = COUNT.format(scan=selection.scan())
    position: UUID | None = LOWEST
    done = False
    while not done:
        count, done, position, events = _ask(statement, {**values, "position": position}, until)
        found.add(count, events)


def _count_waiting(found: Preview, waiting: str, values: dict[str, Any], until: float) -> None:
    count, events = _ask(COUNT_WAITING.format(waiting=waiting), values, until)
    found.add(count, events)
    if count == values["room"]:
        found.exact = False
