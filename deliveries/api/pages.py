"""Lists that are limited in time: which page a query string asks for, and how a page is shown."""

from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Model
from django.http import QueryDict
from django.utils import timezone

from deliveries.queries import paging
from deliveries.queries.paging import Window, window
from endpoints.api.between import read_time
from webhooks_platform.api.pagination import Key, Page, page_of, read_position

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Slice:
    """Which page of a list that is limited in time."""

    span: Window
    limit: int


def read_page(query: QueryDict, key: Key) -> Slice:
    """Read `limit`, `iterator`, `before` and `after`."""
    position = read_position(query, key, "descending", fixed_order=True)
    span = window(
        now=timezone.now(),
        before=read_time(query, "before"),
        after=read_time(query, "after"),
        cursor=position.after,
        backwards=position.backwards,
    )
    return Slice(span, position.limit)


def shown_page(page: paging.Page[Row], key: Key) -> Page[Row]:
    """Return the page with what its client continues from."""
    return page_of(page.rows, key, done=page.done, reached=page.reached, upwards=page.from_low)
