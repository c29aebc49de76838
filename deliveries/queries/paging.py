"""Pages of rows that are sorted by UUIDv7: which ids a page may hold, and from which side."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

from webhooks_platform.lib import ids

# One list request looks at this much time at most; older rows are reached by iterating on.
SPAN = timedelta(days=90)
# Ids made by a machine whose clock is ahead are still listed.
CLOCK_SKEW = timedelta(hours=1)
_BEFORE_THE_EPOCH = UUID(int=0)
_SHIFT = 80
_TAIL = (1 << _SHIFT) - 1
_LAST_INSTANT = (1 << 48) - 1

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Window:
    """The ids strictly between `low` and `high`; `from_low` fills a page with the oldest."""

    low: UUID
    high: UUID
    from_low: bool


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows, newest first; `done` when nothing is left in the direction travelled."""

    rows: list[Row]
    done: bool


def window(
    *,
    now: datetime,
    before: datetime | None = None,
    after: datetime | None = None,
    cursor: UUID | None = None,
    backwards: bool = False,
) -> Window:
    """Return the window of one list request.

    `before` and `after` are exclusive. `cursor` is the id at the edge of the page before, and
    `backwards` asks for what is newer than it. `after` alone pages from its own, oldest side.
    """
    from_low = backwards if cursor else after is not None and before is None
    highs = [_first(_milliseconds(now + CLOCK_SKEW))]
    lows = [_BEFORE_THE_EPOCH]
    if before is not None:
        highs.append(_first(_milliseconds(before, up=True)))
    if after is not None:
        lows.append(_last(_milliseconds(after)))
    if cursor is not None:
        (lows if from_low else highs).append(cursor)
    return _limited(max(lows), min(highs), from_low)


def _limited(low: UUID, high: UUID, from_low: bool) -> Window:
    if from_low:
        high = min(high, _last((low.int >> _SHIFT) + SPAN // timedelta(milliseconds=1)))
    else:
        low = max(low, _first((high.int >> _SHIFT) - SPAN // timedelta(milliseconds=1)))
    return Window(low, high, from_low)


def take(rows: QuerySet[Row], span: Window, *, limit: int) -> Page[Row]:
    """Return one page of the rows whose id lies in the window."""
    rows = rows.filter(id__gt=span.low, id__lt=span.high)
    found = list(rows.order_by("id" if span.from_low else "-id")[: limit + 1])
    return cut(found, span, limit=limit)


def cut(found: list[Row], span: Window, *, limit: int) -> Page[Row]:
    """Make a page of rows in the direction travelled, of which one more than `limit` were read."""
    page = found[:limit]
    if span.from_low:
        page.reverse()
    return Page(page, done=len(found) <= limit)


def first_of_instant(value: UUID) -> UUID:
    """Return the lowest id of the millisecond in which `value` was made."""
    return _first(value.int >> _SHIFT)


def last_of_instant(value: UUID) -> UUID:
    """Return the highest id of the millisecond in which `value` was made."""
    return _last(value.int >> _SHIFT)


def _milliseconds(when: datetime, *, up: bool = False) -> int:
    whole, rest = divmod(when - ids.EPOCH, timedelta(milliseconds=1))
    return whole + 1 if up and rest else whole


def _first(milliseconds: int) -> UUID:
    return UUID(int=min(max(milliseconds, 0), _LAST_INSTANT) << _SHIFT)


def _last(milliseconds: int) -> UUID:
    if milliseconds < 0:
        return _BEFORE_THE_EPOCH
    return UUID(int=min(milliseconds, _LAST_INSTANT) << _SHIFT | _TAIL)
