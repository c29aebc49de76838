"""Dead letters: what was given up on, and what a person decided about it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from deliveries.admin.history import EndpointFilter, HistoryAdmin, SimpleListFilter
from deliveries.admin.showing import link
from deliveries.models import Attempt, DeadLetter, Delivery, Event, Replay
from webhooks_platform.lib import ids


class DecisionFilter(SimpleListFilter):
    """Those that await a decision, unless another is asked for."""

    title = "decision"
    parameter_name = "decision"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("all", "All"), *DeadLetter.Decision.choices]

    def choices(self, changelist: Any) -> Any:
        whole, *others = super().choices(changelist)
        return [whole | {"display": "Open"}, *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        if self.value() is None:
            return queryset.filter(decision__isnull=True)
        return queryset.filter(decision=self.value())


@admin.register(DeadLetter)
class DeadLetterAdmin(HistoryAdmin):
    id_prefix = ids.DEAD_LETTER
    finders = {
        ids.DELIVERY: lambda found: {"delivery_id": found},
        ids.DEAD_LETTER: lambda found: {"id": found},
        ids.EVENT: lambda found: {"event_id": found},
        ids.ENDPOINT: lambda found: {"endpoint_id": found},
        ids.TENANT: lambda found: {"tenant_id": found},
    }
    search_help_text = "An id (dl_…, dlv_…, msg_…, ep_…, app_…)"
    list_display = [
        "wire_id", "tenant", "endpoint", "event_type", "reason", "last_status_code", "last_error",
        "created_at", "decision",
    ]  # fmt: skip
    list_filter = [DecisionFilter, "reason", EndpointFilter]
    fields = readonly_fields = (
        "wire_id", "tenant", "event", "delivery", "endpoint", "event_type", "reason", "attempts",
        "last_attempt", "last_status_code", "last_error", "created_at", "decision", "decided_at",
        "decided_by", "note", "decided_by_replay",
    )  # fmt: skip

    @admin.display(description="event")
    def event(self, letter: DeadLetter) -> str:
        return link(Event, letter.event_id, prefix=ids.EVENT)

    @admin.display(description="delivery")
    def delivery(self, letter: DeadLetter) -> str:
        return link(Delivery, letter.delivery_id, prefix=ids.DELIVERY)

    @admin.display(description="last attempt")
    def last_attempt(self, letter: DeadLetter) -> str:
        found = letter.last_attempt_id
        return link(Attempt, found, prefix=ids.ATTEMPT)

    @admin.display(description="replay")
    def decided_by_replay(self, letter: DeadLetter) -> str:
        found = letter.replay_id
        return link(Replay, found, prefix=ids.REPLAY)
