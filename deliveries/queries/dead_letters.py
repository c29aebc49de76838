"""Reads of dead letters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Min, QuerySet
from django.db.models.functions import Coalesce

from deliveries.models import DeadLetter

OPEN, ALL = "open", "all"
#: Groups of a summary; the largest come first.
GROUPS = 1000


@dataclass(frozen=True)
class LetterFilter:
    """Which letters are wanted; a part that is None or empty admits all."""

    endpoint_id: UUID | None = None
    event_types: Sequence[str] = ()
    reason: str | None = None
    #: 0 (no answer), 100, … 500.
    status_code_class: int | None = None
    #: `open`, `all`, or a DeadLetter.Decision.
    decision: str = OPEN


def wanted(rows: QuerySet[DeadLetter], chosen: LetterFilter) -> QuerySet[DeadLetter]:
    """Narrow letters of a tenant or an organization."""
    if chosen.decision != ALL:
        is_open = chosen.decision == OPEN
        rows = rows.filter(decision=None) if is_open else rows.filter(decision=chosen.decision)
    if chosen.endpoint_id is not None:
        rows = rows.filter(endpoint_id=chosen.endpoint_id)
    if chosen.event_types:
        rows = rows.filter(event_type__in=chosen.event_types)
    if chosen.reason is not None:
        rows = rows.filter(reason=chosen.reason)
    if chosen.status_code_class is not None:
        rows = _of_class(rows, chosen.status_code_class)
    return rows


def _of_class(rows: QuerySet[DeadLetter], lowest: int) -> QuerySet[DeadLetter]:
    status = Coalesce("last_status_code", 0)
    return rows.alias(status=status).filter(status__gte=lowest, status__lt=lowest + 100)


def summary(rows: QuerySet[DeadLetter]) -> list[dict[str, Any]]:
    """Group letters by what they have in common, the largest group first."""
    groups = rows.order_by().values("endpoint_id", "reason", "last_status_code", "event_type")
    counted = groups.annotate(count=Count("id"), oldest=Min("created_at"), newest=Max("created_at"))
    return [dict(group) for group in counted.order_by("-count", "-newest")[:GROUPS]]
