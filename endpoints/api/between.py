"""`before` and `after`: bounds on when rows were made, both exclusive.

Rows are found by their UUIDv7 ids, which were made at about that time, perhaps by another clock.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from django.db.models import Model, QuerySet
from drf_spectacular.utils import OpenApiParameter

from endpoints.api import moments
from webhooks_platform.api.errors import FieldError
from webhooks_platform.lib import ids

Row = TypeVar("Row", bound=Model)

BEFORE = OpenApiParameter("before", datetime, description="Made before this time (RFC 3339).")
AFTER = OpenApiParameter("after", datetime, description="Made after this time (RFC 3339).")
#: How far the clocks that make ids and times may be apart.
CLOCK_SKEW = timedelta(hours=1)
LAST = datetime.max.replace(tzinfo=UTC)


def read_time(query: Mapping[str, str], name: str) -> datetime | None:
    """Read an RFC 3339 time with its offset; raise the 422."""
    text = query.get(name)
    if not text:
        return None
    try:
        # A plus that was not percent-encoded has become a space.
        return moments.parse(text.replace(" ", "+"))
    except ValueError as error:
        raise FieldError.at("query", name, message=str(error)) from None


def read_between(
    query: Mapping[str, str], rows: QuerySet[Row], made: str = "created_at"
) -> QuerySet[Row]:
    """Narrow rows to those made between `before` and `after`; `made` names their time."""
    return between(rows, read_time(query, "before"), read_time(query, "after"), made)


def between(
    rows: QuerySet[Row], before: datetime | None, after: datetime | None, made: str = "created_at"
) -> QuerySet[Row]:
    """Narrow rows to those made between two times; the bounds on ids let an index be used."""
    if before is not None:
        highest = ids.first_at(min(before, LAST - CLOCK_SKEW) + CLOCK_SKEW)
        rows = rows.filter(**{f"{made}__lt": before, "id__lt": highest})
    if after is not None:
        lowest = ids.first_at(max(after, ids.EPOCH + CLOCK_SKEW) - CLOCK_SKEW)
        rows = rows.filter(**{f"{made}__gt": after, "id__gte": lowest})
    return rows
