"""Reads of events."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar, cast
from uuid import UUID

from django.db.models import Model, OuterRef, QuerySet, Subquery

from deliveries.models import Event, EventUid
from deliveries.queries.paging import Page, Window, sift, take
from webhooks_platform.lib import ids

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class EventFilter:
    """Which events are wanted; a part that is empty admits all."""

    event_types: tuple[str, ...] = ()
    channel: str | None = None
    tag: str | None = None

    def __bool__(self) -> bool:
        return bool(self.event_types) or not (self.channel is None and self.tag is None)

    def admits(self, event: Event) -> bool:
        """Tell whether one event passes."""
        if self.event_types and event.event_type not in self.event_types:
            return False
        if self.tag is not None and self.tag not in (event.tags or ()):
            return False
        return self.channel is None or self.channel in (event.channels or ())


def listed(
    tenant_id: UUID, span: Window, wanted: EventFilter, *, limit: int, with_payload: bool
) -> Page[Event]:
    """Return a tenant's events, newest first."""
    rows = _columns(Event.objects.filter(tenant_id=tenant_id), with_payload)
    if not wanted:
        return take(rows, span, limit=limit)
    if wanted == EventFilter(tag=wanted.tag):
        # Tags have an index, for they name what is rare.
        return take(_narrowed(wanted, rows), span, limit=limit)
    return sift(rows, partial(_narrowed, wanted), span, limit=limit)


def _narrowed(wanted: EventFilter, rows: QuerySet[Event]) -> QuerySet[Event]:
    if wanted.event_types:
        rows = rows.filter(event_type__in=wanted.event_types)
    if wanted.channel is not None:
        rows = rows.filter(channels__contains=[wanted.channel])
    if wanted.tag is not None:
        rows = rows.filter(tags__contains=[wanted.tag])
    return rows


def find(tenant_id: UUID, id_or_uid: str, *, with_payload: bool = False) -> Event | None:
    """Return the tenant's event with that id (`msg_…`) or `eventId`, or None."""
    event_id = _event_id(tenant_id, id_or_uid)
    if event_id is None:
        return None
    rows = Event.objects.filter(tenant_id=tenant_id, id=event_id)
    return _columns(rows, with_payload).first()


def by_id(event_ids: Iterable[UUID], *, with_payload: bool) -> dict[UUID, Event]:
    """Return the events that are still kept, by id."""
    rows = Event.objects.filter(id__in=sorted(event_ids))
    return {event.id: event for event in _columns(rows, with_payload)}


def of_wanted(rows: QuerySet[Row], wanted: EventFilter) -> QuerySet[Row]:
    """Narrow rows that have an `event_id` to those whose event passes.

    Scalar subqueries look each event up by its id, which opens one partition; PostgreSQL would
    turn an EXISTS into a join that reads all of them.
    """
    event = Event.objects.filter(id=OuterRef("event_id"))
    if wanted.event_types:
        types = Subquery(event.values("event_type")[:1])
        typed = rows.alias(event_type=types).filter(event_type__in=wanted.event_types)
        rows = cast("QuerySet[Row]", typed)
    if wanted.channel is not None:
        channels = Subquery(event.values("channels")[:1])
        tuned = rows.alias(channels=channels).filter(channels__contains=[wanted.channel])
        rows = cast("QuerySet[Row]", tuned)
    if wanted.tag is not None:
        tags = Subquery(event.values("tags")[:1])
        tagged = rows.alias(tags=tags).filter(tags__contains=[wanted.tag])
        rows = cast("QuerySet[Row]", tagged)
    return rows


def _event_id(tenant_id: UUID, id_or_uid: str) -> UUID | None:
    try:
        return ids.from_text(ids.EVENT, id_or_uid)
    except ids.MalformedIdError:
        pass
    if "\0" in id_or_uid:  # PostgreSQL's text cannot hold it, so no uid does.
        return None
    known = EventUid.objects.filter(tenant_id=tenant_id, uid=id_or_uid)
    return known.values_list("event_id", flat=True).first()


def _columns(rows: QuerySet[Event], with_payload: bool) -> QuerySet[Event]:
    # A payload may have a megabyte, and a page 250 of them.
    rows = rows.defer("headers")
    return rows if with_payload else rows.defer("payload")
