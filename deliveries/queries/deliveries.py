"""Reads of deliveries, open and settled ones alike.

A delivery's id begins with the millisecond of its event's id and goes on with a hash, so a
range of event ids is a range of delivery ids, but for the order within one millisecond.
"""

from collections.abc import Collection
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from deliveries.models import Delivery, DeliveryStatus
from deliveries.queries.events import EventFilter, of_wanted
from deliveries.queries.paging import (
    Page,
    Window,
    cut,
    first_of_instant,
    in_looks,
    last_of_instant,
)

#: What svix' lists show: an attempt has ended, or there will be none.
TOLD_OF = Q(last_status_code__isnull=False) | Q(status=DeliveryStatus.CANCELLED)


def delivery_id(event_id: UUID, endpoint_id: UUID) -> UUID:
    """Return the id of the delivery of an event to an endpoint, whether there is one or not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT delivery_id(%s, %s)", [event_id, endpoint_id])
        found: UUID = cursor.fetchone()[0]
    return found


def of_event(tenant_id: UUID, event_id: UUID) -> QuerySet[Delivery]:
    """Return the deliveries of one event, by endpoint."""
    return Delivery.objects.filter(
        id__gte=first_of_instant(event_id),
        id__lte=last_of_instant(event_id),
        event_id=event_id,
        tenant_id=tenant_id,
    ).order_by("endpoint_id")


def attempted_of_event(tenant_id: UUID, event_id: UUID) -> QuerySet[Delivery]:
    """Return the deliveries of one event that were attempted or cancelled, by endpoint."""
    return of_event(tenant_id, event_id).filter(TOLD_OF)


def attempted_of_endpoint(
    tenant_id: UUID,
    endpoint_id: UUID,
    span: Window,
    *,
    limit: int,
    statuses: Collection[DeliveryStatus] | None = None,
    wanted: EventFilter,
) -> Page[Delivery]:
    """Return an endpoint's deliveries that were attempted or cancelled, newest event first.

    The window is one of event ids. Deliveries to one endpoint are sorted by event id, also
    those of one millisecond, whose own ids are in no order.
    """
    if statuses is not None and not statuses:
        return Page([], done=True)
    rows = Delivery.objects.filter(tenant_id=tenant_id, endpoint_id=endpoint_id)
    indexed = _of_indexed(rows, frozenset(statuses or ()))
    rows = rows if indexed is None else indexed
    attempted = rows.filter(TOLD_OF)
    if statuses is not None:
        attempted = attempted.filter(status__in=statuses)
    if indexed is not None and not wanted:
        # The index has no other rows, so there is nothing to look through.
        return cut(_read(attempted, span, limit + 1), span, limit=limit)
    attempted = of_wanted(attempted, wanted)
    return in_looks(
        span,
        edge=lambda part, size: _edge(rows, part, size),
        read=lambda part, count: _read(attempted, part, count),
        limit=limit,
    )


def _of_indexed(
    rows: QuerySet[Delivery], statuses: frozenset[DeliveryStatus]
) -> QuerySet[Delivery] | None:
    """Narrow rows to those of an index of their own, if there is one for these statuses."""
    if not statuses:
        return None
    if statuses == {DeliveryStatus.CANCELLED}:
        return rows.filter(status=DeliveryStatus.CANCELLED)
    if statuses <= {DeliveryStatus.DEAD, DeliveryStatus.PARKED}:
        # Neither has been attempted without an error.
        return rows.filter(status__in=sorted(statuses), last_error__isnull=False)
    return None


def _edge(rows: QuerySet[Delivery], span: Window, size: int) -> UUID | None:
    """Return the outermost event id of the instant in which a look ends, or None in the last."""
    ordered = _in_window(rows, span).order_by("id" if span.from_low else "-id")
    row = ordered.values_list("id", flat=True)[size - 1 : size]
    if not row:
        return None
    return last_of_instant(row[0]) if span.from_low else first_of_instant(row[0])


def _read(rows: QuerySet[Delivery], span: Window, wanted: int) -> list[Delivery]:
    found = _whole_instants(_in_window(rows, span), span, wanted)
    found.sort(key=lambda delivery: delivery.event_id, reverse=not span.from_low)
    return found[:wanted]


def _in_window(rows: QuerySet[Delivery], span: Window) -> QuerySet[Delivery]:
    return rows.filter(
        id__gte=first_of_instant(span.low),
        id__lte=last_of_instant(span.high),
        event_id__gt=span.low,
        event_id__lt=span.high,
    )


def _whole_instants(rows: QuerySet[Delivery], span: Window, wanted: int) -> list[Delivery]:
    """Return at least `wanted` rows, if there are, and all others of the last one's millisecond."""
    found = list(rows.order_by("id" if span.from_low else "-id")[:wanted])
    if len(found) < wanted:
        return found
    first, last = first_of_instant(found[-1].id), last_of_instant(found[-1].id)
    before = [row for row in found if not first <= row.id <= last]
    return before + list(rows.filter(id__gte=first, id__lte=last))
