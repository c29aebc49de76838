"""Reads of attempts."""

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.db.models import QuerySet

from deliveries.models import Attempt, Event
from deliveries.queries.events import EventFilter, of_wanted
from deliveries.queries.paging import Page, Window, sift, take
from webhooks_platform.lib import ids

# An attempt's id is made on another machine than its event's, whose clock may be behind.
CLOCK_SKEW = timedelta(hours=1)


@dataclass(frozen=True)
class AttemptFilter:
    """Which attempts are wanted; a part that is None or empty admits all."""

    succeeded: bool | None = None
    #: 0 (network failures), 100, 200, 300, 400 or 500.
    status_code_class: int | None = None
    with_response: bool = True
    events: EventFilter = field(default_factory=EventFilter)

    def __bool__(self) -> bool:
        """Tell whether an attempt may be left out."""
        return self.succeeded is not None or self.status_code_class is not None or bool(self.events)


def of_endpoint(
    tenant_id: UUID, endpoint_id: UUID, span: Window, wanted: AttemptFilter, *, limit: int
) -> Page[Attempt]:
    """Return the attempts made at an endpoint, newest first."""
    rows = Attempt.objects.filter(tenant_id=tenant_id, endpoint_id=endpoint_id)
    if not wanted:
        return take(_columns(rows, wanted), span, limit=limit)
    return sift(_columns(rows, wanted), partial(_of_all, wanted), span, limit=limit)


def of_event(
    event: Event,
    span: Window,
    wanted: AttemptFilter,
    *,
    limit: int,
    endpoint_id: UUID | None = None,
) -> Page[Attempt]:
    """Return the attempts to deliver an event, to one endpoint or to all, newest first."""
    if not wanted.events.admits(event):
        return Page([], done=True)
    rows = _narrowed(wanted, _columns(_since(event), wanted))
    if endpoint_id is not None:
        rows = rows.filter(endpoint_id=endpoint_id)
    return take(rows, span, limit=limit)


def find(event: Event, attempt_id: UUID) -> Attempt | None:
    """Return that attempt to deliver the event, or None."""
    return _since(event).filter(id=attempt_id).first()


def of_delivery(delivery_id: UUID, event_id: UUID) -> QuerySet[Attempt]:
    """Return the attempts of one delivery, first to last."""
    return Attempt.objects.filter(
        event_id=event_id, delivery_id=delivery_id, id__gte=_earliest(event_id)
    ).order_by("id")


def _since(event: Event) -> QuerySet[Attempt]:
    return Attempt.objects.filter(
        tenant_id=event.tenant_id, event_id=event.id, id__gte=_earliest(event.id)
    )


def _earliest(event_id: UUID) -> UUID:
    when = ids.timestamp(event_id)
    return ids.first_at(max(when - CLOCK_SKEW, ids.EPOCH))


def _of_all(wanted: AttemptFilter, rows: QuerySet[Attempt]) -> QuerySet[Attempt]:
    return of_wanted(_narrowed(wanted, rows), wanted.events)


def _narrowed(wanted: AttemptFilter, rows: QuerySet[Attempt]) -> QuerySet[Attempt]:
    if wanted.succeeded is not None:
        rows = rows.filter(error_kind__isnull=wanted.succeeded)
    if wanted.status_code_class is not None:
        lowest = wanted.status_code_class
        rows = rows.filter(status_code__gte=lowest, status_code__lt=lowest + 100)
    return rows


def _columns(rows: QuerySet[Attempt], wanted: AttemptFilter) -> QuerySet[Attempt]:
    return rows if wanted.with_response else rows.defer("response")
