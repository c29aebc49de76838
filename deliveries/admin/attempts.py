"""Attempts: every request made, and what came back."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from deliveries.admin.history import EndpointFilter, HistoryAdmin, SimpleListFilter
from deliveries.admin.showing import link, moment, pre
from deliveries.models import Attempt, Delivery, Event
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
