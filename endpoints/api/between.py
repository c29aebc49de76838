"""`before` and `after`: bounds on when rows were made, read off their UUIDv7 ids; exclusive."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter

from webhooks_platform.api.errors import FieldError
from webhooks_platform.lib import ids

Row = TypeVar("Row", bound=Model)

BEFORE = OpenApiParameter("before", str, description="Made before this time (RFC 3339).")
AFTER = OpenApiParameter("after", str, description="Made after this time (RFC 3339).")
_TAIL = (1 << 80) - 1


def read_time(query: Mapping[str, str], name: str) -> datetime | None:
    """Read an RFC 3339 time with its offset; raise the 422."""
    text = query.get(name)
    if not text:
        return None
    try:
        # A plus that was not percent-encoded has become a space.
        when = datetime.fromisoformat(text.replace(" ", "+"))
        if when.tzinfo is None:
            raise ValueError("no offset")
        return when.astimezone(timezone.get_default_timezone())
    except (ValueError, OverflowError):
        message = "A time is written as in 2026-01-31T12:00:00Z."
        raise FieldError.at("query", name, message=message) from None


def read_between(query: Mapping[str, str], rows: QuerySet[Row]) -> QuerySet[Row]:
    """Narrow rows to those made between `before` and `after`."""
    before, after = read_time(query, "before"), read_time(query, "after")
    if before is not None:
        rows = rows.filter(id__lt=ids.first_at(before))
    if after is not None:
        rows = rows.filter(id__gt=UUID(int=ids.first_at(after).int | _TAIL))
    return rows
