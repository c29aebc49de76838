"""Filters of the history's lists; each reads one part of the URL."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone

from deliveries.models import DeadLetter
from endpoints.admin.filters import SimpleListFilter
from webhooks_platform.lib import ids

#: Named spans of time, back from now.
SPANS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7)}
CLASSES = ("0", "100", "200", "300", "400", "500")


class SinceFilter(SimpleListFilter):
    """By when the row was made, read off its id."""

    title = "time"
    parameter_name = "since"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1h", "Last hour"), ("24h", "Last 24 hours"), ("7d", "Last 7 days")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        since = moment_of(self.value())
        return queryset if since is None else queryset.filter(id__gte=ids.first_at(since))


def moment_of(span: str | None) -> datetime | None:
    """Return the beginning of a named span, or None."""
    return timezone.now() - SPANS[span] if span in SPANS else None


class StatusClassFilter(SimpleListFilter):
    """By the class of the last answer."""

    title = "last answer"
    parameter_name = "status_class"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("0", "None"), *((f"{n}", f"{n[0]}xx") for n in CLASSES[1:])]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in CLASSES:
            return queryset
        lowest = int(self.value() or 0)
        status = Coalesce("last_status_code", 0)
        chosen: QuerySet[Any] = queryset.alias(answer=status).filter(
            answer__gte=lowest, answer__lt=lowest + 100
        )
        return chosen


class ReasonFilter(SimpleListFilter):
    """By why a delivery was given up."""

    title = parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in DeadLetter.Reason.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(reason=self.value()) if self.value() else queryset


class EventTypeFilter(SimpleListFilter):
    """By the event type in the URL; there is nothing to choose from, lists link here."""

    title = "event type"
    parameter_name = "event_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(self.value() or "", self.value() or "")] if self.value() else []

    def has_output(self) -> bool:
        return bool(self.value())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(event_type=self.value()) if self.value() else queryset
