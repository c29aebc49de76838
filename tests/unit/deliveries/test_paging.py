"""Which ids a page of a list may hold."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from deliveries.queries.paging import SPAN, first_of_instant, last_of_instant, window
from webhooks_platform.lib import ids

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MILLISECOND = timedelta(milliseconds=1)
CURSOR = UUID(int=ids.first_at(NOW - 10 * DAY).int + 77)


def last_at(when: datetime) -> UUID:
    return last_of_instant(ids.first_at(when))


def test_without_parameters_it_ends_an_hour_ahead_and_spans_ninety_days() -> None:
    span = window(now=NOW)

    assert span.high == ids.first_at(NOW + HOUR)
    assert span.low == ids.first_at(NOW + HOUR - SPAN)
    assert not span.from_low


def test_before_is_exclusive_and_carries_the_window_back() -> None:
    span = window(now=NOW, before=NOW - 100 * DAY)

    assert span.high == ids.first_at(NOW - 100 * DAY)
    assert span.low == ids.first_at(NOW - 190 * DAY)


def test_before_within_a_millisecond_includes_that_millisecond() -> None:
    span = window(now=NOW, before=NOW + timedelta(microseconds=1))

    assert span.high == ids.first_at(NOW + MILLISECOND)


def test_after_alone_pages_from_its_oldest_side() -> None:
    span = window(now=NOW, after=NOW - 100 * DAY)

    assert span.from_low
    assert span.low == last_at(NOW - 100 * DAY)
    assert span.high == last_at(NOW - 10 * DAY)


def test_before_and_after_page_from_the_newest_side() -> None:
    span = window(now=NOW, after=NOW - 2 * DAY, before=NOW - DAY)

    assert not span.from_low
    assert (span.low, span.high) == (last_at(NOW - 2 * DAY), ids.first_at(NOW - DAY))


def test_a_cursor_is_the_upper_bound() -> None:
    span = window(now=NOW, cursor=CURSOR, after=NOW - 20 * DAY)

    assert (span.low, span.high) == (last_at(NOW - 20 * DAY), CURSOR)
    assert not span.from_low


def test_a_backwards_cursor_is_the_lower_bound() -> None:
    span = window(now=NOW, cursor=CURSOR, backwards=True, before=NOW - DAY)

    assert (span.low, span.high) == (CURSOR, ids.first_at(NOW - DAY))
    assert span.from_low


@pytest.mark.parametrize(
    "when",
    [
        pytest.param(datetime.min.replace(tzinfo=UTC), id="year 1"),
        pytest.param(datetime.max.replace(tzinfo=UTC), id="year 9999"),
        pytest.param(ids.EPOCH - MILLISECOND, id="before the epoch"),
    ],
)
def test_any_time_makes_a_window(when: datetime) -> None:
    before, after = window(now=NOW, before=when), window(now=NOW, after=when)

    assert before.low <= before.high
    assert after.from_low


def test_the_ids_of_one_millisecond_share_its_bounds() -> None:
    first, last = first_of_instant(CURSOR), last_of_instant(CURSOR)

    assert first == ids.first_at(NOW - 10 * DAY)
    assert last.int == ids.first_at(NOW - 10 * DAY + MILLISECOND).int - 1
