"""Attempts: every request made, and what came back."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from deliveries.admin.events import event_ids
from deliveries.admin.history import EndpointFilter, HistoryAdmin
from deliveries.admin.showing import link, moment, pre
from deliveries.models import Attempt, Delivery, Event
from endpoints.admin.filters import SimpleListFilter
from webhooks_platform.lib import ids


class OutcomeFilter(SimpleListFilter):
    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("success", "Succeeded"), ("failure", "Failed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in ("success", "failure"):
            return queryset
        return queryset.filter(error_kind__isnull=self.value() == "success")


@admin.register(Attempt)
class AttemptAdmin(HistoryAdmin):
    id_prefix = ids.ATTEMPT
    finders = {
        ids.DELIVERY: lambda found: {
            "event_id__in": list(
                Delivery.objects.filter(id=found).values_list("event_id", flat=True)
            ),
            "delivery_id": found,
        },
        ids.ATTEMPT: lambda found: {"id": found},
        ids.EVENT: lambda found: {"event_id": found},
        ids.ENDPOINT: lambda found: {"endpoint_id": found},
        ids.TENANT: lambda found: {"tenant_id": found},
    }
    list_display = ["wire_id", "tenant", "endpoint", "number", "status_code", "error_kind", "at"]
    list_filter = [OutcomeFilter, EndpointFilter]
    fields = readonly_fields = (
        "wire_id", "tenant", "event", "delivery", "endpoint", "url", "number", "trigger", "at",
        "duration_ms", "status_code", "error_kind", "next_attempt_at", "answer",
    )  # fmt: skip

    def find_by_uid(
        self, request: HttpRequest, queryset: QuerySet[Attempt], uid: str
    ) -> QuerySet[Attempt]:
        found = event_ids(self.visible_tenants(request), uid)
        return queryset.filter(event_id__in=found) if found else queryset.none()

    def audited_as(self, row: Attempt) -> str:
        return ids.to_text(ids.EVENT, row.event_id)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attempt]:
        return super().get_queryset(request).defer("response")

    @admin.display(description="at")
    def at(self, attempt: Attempt) -> str | None:
        return moment(ids.timestamp(attempt.id))

    @admin.display(description="event")
    def event(self, attempt: Attempt) -> str:
        return link(Event, attempt.event_id, prefix=ids.EVENT)

    @admin.display(description="delivery")
    def delivery(self, attempt: Attempt) -> str:
        return link(Delivery, attempt.delivery_id, prefix=ids.DELIVERY)

    @admin.display(description="answer")
    def answer(self, attempt: Attempt) -> str:
        return pre(attempt.response)
