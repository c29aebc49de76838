"""Events: what was published, with its payload and its deliveries."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Length
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from deliveries.admin.filters import EventTypeFilter, SinceFilter
from deliveries.admin.history import HistoryAdmin
from deliveries.admin.showing import NOTHING, last_answer, link, moment, pre, table
from deliveries.models import Attempt, Delivery, DeliveryStatus, Event, EventUid
from deliveries.payload_views import view_payload
from deliveries.queries import deliveries
from deliveries.queries.outlook import Outlook
from deliveries.replay import payload_end
from endpoints.admin.pages import own_page
from endpoints.admin.scope import actor
from endpoints.models import Endpoint
from endpoints.roles import Capability
from webhooks_platform.lib import ids

HEADS = (
    "delivery", "endpoint", "status", "attempts", "last answer", "next attempt", "waits for",
)  # fmt: skip


@admin.register(Event)
class EventAdmin(HistoryAdmin):
    id_prefix = ids.EVENT
    organization_field = "organization_id"
    finders = {
        ids.EVENT: lambda found: {"id": found},
        ids.DELIVERY: lambda found: _of(Delivery, found),
        ids.ATTEMPT: lambda found: _of(Attempt, found),
        ids.TENANT: lambda found: {"tenant_id": found},
    }
    change_form_template = "admin/deliveries/event/change_form.html"
    list_display = ["wire_id", "tenant", "event_type", "uid", "published_at"]
    list_filter = [SinceFilter, EventTypeFilter]
    fields = readonly_fields = (
        "wire_id", "tenant", "event_type", "uid", "channels", "published_at", "correlation_id",
        "request_name", "traceparent", "deliver_at", "tags", "payload_expires_at", "payload_size",
        "deliveries",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        # A page of payloads could have fifty megabytes; the one that is shown is read by itself.
        return super().get_queryset(request).defer("payload", "headers")

    def find_by_uid(
        self, request: HttpRequest, queryset: QuerySet[Event], uid: str
    ) -> QuerySet[Event]:
        return queryset.filter(id__in=event_ids(self.visible_tenants(request), uid))

    @admin.display(description="published at")
    def published_at(self, event: Event) -> str | None:
        return moment(ids.timestamp(event.id))

    @admin.display(description="request id")
    def request_name(self, event: Event) -> str:
        return event.request

    @admin.display(description="payload")
    def payload_size(self, event: Event) -> str:
        return payload_state(event.id)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.payload))
        own = path("<path:object_id>/payload/", view, name="deliveries_event_payload")
        return [own, *super().get_urls()]

    def payload(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what was published; that somebody looked is in the audit log."""
        event: Event = self.get_or_refuse(request, object_id, Capability.READ)
        found = view_payload(event, actor(request))
        gone = f"It {payload_end(event.payload_expires_at)}."
        shown = gone if found is None else pre(found.decode(errors="replace"))
        return own_page(self, request, "Payload", row=event, shown=shown)

    @admin.display(description="deliveries")
    def deliveries(self, event: Event) -> str:
        rows = list(deliveries.of_event(event.tenant_id, event.id))
        outlook = Outlook.of(rows)
        known = Endpoint.objects.in_bulk([row.endpoint_id for row in rows])
        return table(
            HEADS,
            [_cells(row, known.get(row.endpoint_id), outlook) for row in rows],
        )


def payload_state(event_id: UUID) -> str:
    """Return how large a payload is and how long it is kept, or what became of it."""
    found = Event.objects.filter(id=event_id)
    size, until = found.values_list(Length("payload"), "payload_expires_at").first() or (None, None)
    if size is None:
        return payload_end(until) if found.exists() else "is not kept any more"
    return f"{size} bytes" if until is None else f"{size} bytes, kept until {moment(until)} UTC"


def _of(model: type[Delivery | Attempt], found: Any) -> dict[str, Any]:
    """Return the lookup of the event that a delivery or an attempt is about."""
    return {"id__in": list(model.objects.filter(id=found).values_list("event_id", flat=True))}


def _cells(row: Delivery, endpoint: Endpoint | None, outlook: Outlook) -> list[Any]:
    return [
        link(Delivery, row.id, str(row)),
        _receiver(row, endpoint),
        DeliveryStatus(row.status).label,
        row.attempts,
        last_answer(row),
        moment(outlook.next_attempt(row)),
        (outlook.waiting_for(row) or NOTHING).replace("_", " "),
    ]


def _receiver(row: Delivery, endpoint: Endpoint | None) -> str:
    """Return the endpoint, with a link unless it was deleted and has no page any more."""
    if endpoint is None:
        return ids.to_text(ids.ENDPOINT, row.endpoint_id)
    name = endpoint.uid or endpoint.url
    return f"{name} (deleted)" if endpoint.deleted_at else link(Endpoint, endpoint.id, name)


def event_ids(tenants: Any, uid: str) -> list[Any]:
    """Return the ids of the events that any of these tenants calls `uid`."""
    if "\0" in uid:
        return []
    known = EventUid.objects.filter(tenant_id__in=tenants, uid=uid)
    return list(known.values_list("event_id", flat=True))
