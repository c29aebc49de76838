"""Deliveries: where each stands and why, with its attempts on one page; and resending."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from deliveries import replay
from deliveries.admin.events import event_ids
from deliveries.admin.history import EndpointFilter, HistoryAdmin
from deliveries.admin.showing import NOTHING, badge, last_answer, link, moment
from deliveries.admin.timeline import timeline
from deliveries.models import Attempt, DeadLetter, Delivery, DeliveryStatus, Event
from deliveries.queries.outlook import Outlook
from deliveries.queries.paging import first_of_instant, last_of_instant
from endpoints.admin.filters import SimpleListFilter, TenantFilter, id_of
from endpoints.admin.forms import ReasonForm
from endpoints.admin.pages import own_page, sent
from endpoints.admin.scope import actor
from endpoints.audit import Actor
from endpoints.models import Endpoint
from endpoints.roles import Capability
from webhooks_platform.lib import ids

#: Deliveries that one action resends; more are a matter for a replay with a filter.
RESENT_AT_MOST = 100
#: Ids of these that the page names.
SHOWN = 10
OPEN = (DeliveryStatus.PENDING, DeliveryStatus.SENDING)
KINDS = {
    DeliveryStatus.PENDING: "waits",
    DeliveryStatus.SENDING: "waits",
    DeliveryStatus.DELIVERED: "good",
    DeliveryStatus.DEAD: "bad",
    DeliveryStatus.PARKED: "quiet",
    DeliveryStatus.CANCELLED: "quiet",
}


class StatusFilter(SimpleListFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status.name.lower(), str(status.label)) for status in DeliveryStatus]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = DeliveryStatus.__members__.get((self.value() or "").upper())
        if chosen is None:
            return queryset
        # Each half of the view lacks one of these columns, which leaves that half unread.
        half = "next_attempt_at" if chosen in OPEN else "settled_at"
        return queryset.filter(**{"status": chosen, f"{half}__isnull": False})


@admin.register(Delivery)
class DeliveryAdmin(HistoryAdmin):
    id_prefix = ids.DELIVERY
    finders = {
        ids.DELIVERY: lambda found: {"id": found},
        ids.EVENT: lambda found: _of_events([found]),
        ids.ENDPOINT: lambda found: {"endpoint_id": found},
        ids.TENANT: lambda found: {"tenant_id": found},
        ids.ATTEMPT: lambda found: {
            "id__in": list(Attempt.objects.filter(id=found).values_list("delivery_id", flat=True))
        },
    }
    change_form_template = "admin/deliveries/delivery/change_form.html"
    list_display = ["wire_id", "tenant", "endpoint", "state", "attempts", "last", "due"]
    list_filter = [StatusFilter, TenantFilter, EndpointFilter]
    actions = ["resend_selected"]
    fields = readonly_fields = (
        "wire_id", "tenant", "event", "endpoint", "state", "due", "waits_for", "attempts", "last",
        "settled_at", "dead_letter", "life",
    )  # fmt: skip

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return self.reaches(request, None, Capability.REPLAY)

    def find_by_uid(
        self, request: HttpRequest, queryset: QuerySet[Delivery], uid: str
    ) -> QuerySet[Delivery]:
        found = event_ids(self.visible_tenants(request), uid)
        return queryset.filter(**_of_events(found)) if found else queryset.none()

    @admin.display(description="status")
    def state(self, row: Delivery) -> str:
        status = DeliveryStatus(row.status)
        return badge(str(status.label), KINDS[status])

    @admin.display(description="last answer")
    def last(self, row: Delivery) -> str:
        return last_answer(row)

    @admin.display(description="next attempt")
    def due(self, row: Delivery) -> str:
        return moment(Outlook.of([row]).next_attempt(row)) or NOTHING if _is_open(row) else NOTHING

    @admin.display(description="waits for")
    def waits_for(self, row: Delivery) -> str:
        return (Outlook.of([row]).waiting_for(row) or NOTHING).replace("_", " ")

    @admin.display(description="event")
    def event(self, row: Delivery) -> str:
        return link(Event, row.event_id, prefix=ids.EVENT)

    @admin.display(description="dead letter")
    def dead_letter(self, row: Delivery) -> str:
        letter = Outlook.of([row]).letters.get(row.id)
        return link(DeadLetter, letter, prefix=ids.DEAD_LETTER)

    @admin.display(description="timeline")
    def life(self, row: Delivery) -> str:
        return timeline(row)

    def audited_as(self, row: Delivery) -> str:
        return ids.to_text(ids.EVENT, row.event_id)

    @admin.action(description="Resend the selected deliveries…", permissions=["resend"])
    def resend_selected(
        self, request: HttpRequest, queryset: QuerySet[Delivery]
    ) -> HttpResponse | None:
        rows = list(queryset[: RESENT_AT_MOST + 1])
        if len(rows) > RESENT_AT_MOST:
            message = f"At most {RESENT_AT_MOST} deliveries are resent at once."
            self.message_user(request, message, messages.ERROR)
            return None
        url = reverse("admin:deliveries_delivery_resend")
        return HttpResponseRedirect(f"{url}?deliveries={','.join(map(str, rows))}")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.resend)
        return [path("resend/", view, name="deliveries_delivery_resend"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        may = row is not None and self.reaches(request, row, Capability.REPLAY)
        context = {**(extra_context or {}), "may_resend": may}
        return super().change_view(request, object_id, form_url, context)

    def resend(self, request: HttpRequest) -> HttpResponse:
        """Make one attempt of each of some deliveries, for a reason."""
        rows = self._named(request)
        form = ReasonForm(sent(request))
        if request.method != "POST" or not form.is_valid() or not rows:
            text = "One attempt is made at once; automatic retries go on if it fails."
            shown = [("deliveries", len(rows)), ("the first", ", ".join(map(str, rows[:SHOWN])))]
            return own_page(
                self, request, "Resend", explanation=text if rows else "Nothing is chosen.",
                facts=shown if rows else (), form=form if rows else None,
            )  # fmt: skip
        note = form.cleaned_data["note"]
        refusals = [why for row in rows if (why := resend(row, actor(request), note))]
        self._tell(request, len(rows) - len(refusals), refusals)
        if len(rows) > 1:
            return HttpResponseRedirect(reverse("admin:deliveries_delivery_changelist"))
        return HttpResponseRedirect(reverse("admin:deliveries_delivery_change", args=[rows[0].pk]))

    def _named(self, request: HttpRequest) -> list[Delivery]:
        """Return the deliveries in the address at whose tenants the user may do this."""
        if not self.has_resend_permission(request):
            raise PermissionDenied
        texts = request.GET.get("deliveries", "").split(",")[:RESENT_AT_MOST]
        found = filter(None, (id_of(ids.DELIVERY, text) for text in texts))
        rows = self.get_queryset(request).filter(id__in=list(found))
        return [row for row in rows if self.reaches(request, row, Capability.REPLAY)]

    def _tell(self, request: HttpRequest, resent: int, refusals: list[str]) -> None:
        if resent:
            self.message_user(request, f"{resent} resent.", messages.SUCCESS)
        for refusal in sorted(set(refusals)):
            text = f"{refusals.count(refusal)} not resent: {refusal}"
            self.message_user(request, text, messages.ERROR)


def resend(row: Delivery, who: Actor, note: str) -> str | None:
    """Resend one delivery; return why not, if it is refused."""
    event = Event.objects.defer("payload").filter(id=row.event_id).first()
    endpoint = Endpoint.objects.filter(id=row.endpoint_id, deleted_at__isnull=True).first()
    if event is None or endpoint is None:
        return "The event or the endpoint does not exist any more."
    try:
        replay.resend(event, endpoint, actor=who, note=note)
    except replay.ReplayRefusedError as error:
        return str(error)
    return None


def _is_open(row: Delivery) -> bool:
    return row.next_attempt_at is not None


def _of_events(found: list[Any]) -> dict[str, Any]:
    """Return the lookups of the deliveries of some events, which leave other days unread."""
    return {
        "event_id__in": found,
        "id__gte": first_of_instant(min(found)),
        "id__lte": last_of_instant(max(found)),
    }
