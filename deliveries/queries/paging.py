"""Pages of rows that are sorted by UUIDv7: which ids a page may hold, and from which side."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

from webhooks_platform.lib import ids

# One list request looks at this much time at most; older rows are reached by iterating on.
SPAN = timedelta(days=90)
# Ids made by a machine whose clock is ahead are still listed.
CLOCK_SKEW = timedelta(hours=1)
#: Rows that a filter is tried on between two looks at the clock.
LOOK = 1000
#: What the first look looks at, at most; the next ones at three times as much.
SHORTEST = timedelta(days=1)
#: Seconds for which a filter that few rows pass is tried; then the page ends, short of rows.
PATIENCE = 0.015
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

    def nearest(self, length: timedelta) -> "Window":
        """Return the part of a length that lies where a page begins."""
        span = length // timedelta(milliseconds=1)
        if self.from_low:
            return replace(self, high=min(self.high, _last((self.low.int >> _SHIFT) + span)))
        return replace(self, low=max(self.low, _first((self.high.int >> _SHIFT) - span)))

    @property
    def end(self) -> UUID:
        """The last id that lies in it."""
        return UUID(int=self.high.int - 1 if self.from_low else self.low.int + 1)

    def until(self, edge: UUID) -> "Window":
        """Return the part from where a page begins to `edge`, which belongs to it."""
        if self.from_low:
            return replace(self, high=UUID(int=edge.int + 1))
        return replace(self, low=UUID(int=edge.int - 1))

    def beyond(self, edge: UUID) -> "Window":
        """Return the part that follows `edge`."""
        return replace(self, low=edge) if self.from_low else replace(self, high=edge)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows, newest first; `done` when nothing is left in the direction travelled."""

    rows: list[Row]
    done: bool
    #: The last id that was looked at, when that and not the last row is where to go on.
    reached: UUID | None = None
    from_low: bool = False


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
    return cut(_first_rows(rows, span, limit + 1), span, limit=limit)


def sift(
    rows: QuerySet[Row],
    narrowed: Callable[[QuerySet[Row]], QuerySet[Row]],
    span: Window,
    *,
    limit: int,
) -> Page[Row]:
    """Return one page of the rows in the window that a filter leaves.

    `rows` must be readable by id from an index. No index helps the filter, so it is tried on some
    rows after the other; with PATIENCE over, the page may be short or empty and yet not be done.
    """
    return in_looks(
        span,
        edge=lambda part, size: _edge(rows, part, size),
        read=lambda part, wanted: _first_rows(narrowed(rows), part, wanted),
        limit=limit,
    )


def in_looks(
    span: Window,
    *,
    edge: Callable[[Window, int], UUID | None],
    read: Callable[[Window, int], list[Row]],
    limit: int,
) -> Page[Row]:
    """Fill a page look by look: `edge` ends a look that has more rows; `read` reads it.

    Looks are short in time too, at first: planning a query over all days of a window takes longer
    than to run it (38 ms of 41 with 98 days).
    """
    found: list[Row] = []
    give_up_at = time.monotonic() + PATIENCE
    size, looked, length = limit + 1, 0, SHORTEST
    while True:
        near = span.nearest(length)
        reached = edge(near, size)
        found += read(near if reached is None else near.until(reached), limit + 1 - len(found))
        if len(found) > limit or (reached is None and near == span):
            return cut(found, span, limit=limit)
        if reached is None:
            reached, length = near.end, 3 * length
        else:
            looked, size = looked + size, LOOK
        if looked >= LOOK and time.monotonic() > give_up_at:
            return replace(cut(found, span, limit=limit), done=False, reached=reached)
        span = span.beyond(reached)


def _edge(rows: QuerySet[Row], span: Window, size: int) -> UUID | None:
    """Return the id of the last row of a look, or None if the window has fewer rows."""
    row = _ordered(rows, span).values_list("id", flat=True)[size - 1 : size]
    return row[0] if row else None


def _first_rows(rows: QuerySet[Row], span: Window, wanted: int) -> list[Row]:
    return list(_ordered(rows, span)[:wanted])


def _ordered(rows: QuerySet[Row], span: Window) -> QuerySet[Row]:
    rows = rows.filter(id__gt=span.low, id__lt=span.high)
    return rows.order_by("id" if span.from_low else "-id")


def cut(found: list[Row], span: Window, *, limit: int) -> Page[Row]:
    """Make a page of rows in the direction travelled, of which one more than `limit` were read."""
    page = found[:limit]
    if span.from_low:
        page.reverse()
    return Page(page, done=len(found) <= limit, from_low=span.from_low)


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
