"""Pages by id, as svix has them: no counts, no offsets, and a page costs the same anywhere.

`iterator` names the last row of the page before; `-` and the first row's name goes backwards.
Rows always come in the list's own order, and `done` says whether there is more in the direction
travelled.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from django.db.models import Model, QuerySet

from webhooks_platform.api.errors import FieldError
from webhooks_platform.lib import ids

#: Names of event types; the wire's names for what programs choose.
NAME = re.compile(r"[a-zA-Z0-9\-_.]{1,256}")
DEFAULT_LIMIT = 50
MAX_LIMIT = 250

Order = Literal["ascending", "descending"]
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Key:
    """The column by which a list is ordered, and how its values look on the wire."""

    field: str
    to_text: Callable[[Any], str]
    #: Raises ValueError for text that is no such value.
    from_text: Callable[[str], Any]


def id_key(prefix: str, field: str = "id") -> Key:
    """Order by a UUIDv7, shown with its prefix."""
    return Key(
        field, lambda value: ids.to_text(prefix, value), lambda text: ids.from_text(prefix, text)
    )


def name_key(field: str) -> Key:
    """Order by a name, shown as it is; one that begins with `-` has `~` before it."""
    return Key(field, lambda name: f"~{name}" if name.startswith("-") else name, _name)


def _name(text: str) -> str:
    name = text.removeprefix("~")
    if not NAME.fullmatch(name):
        raise ValueError("not a name")
    return name


@dataclass(frozen=True)
class Position:
    """What the query string asks for."""

    limit: int
    order: Order
    after: Any = None
    backwards: bool = False


@dataclass(frozen=True)
class Page(Generic[Row]):
    rows: Sequence[Row]
    iterator: str | None
    prev_iterator: str | None
    done: bool

    def body(self, data: Sequence[Any]) -> dict[str, Any]:
        """Return the answer; `data` shows the rows, in their order."""
        body = {"data": data, "iterator": self.iterator, "done": self.done}
        if self.prev_iterator is not None:
            body["prevIterator"] = self.prev_iterator
        return body


def paginate(
    query: Mapping[str, str],
    queryset: QuerySet[Row],
    key: Key,
    *,
    default_order: Order = "descending",
    fixed_order: bool = False,
) -> Page[Row]:
    """Return the page that `query` (request.query_params) asks for, in one SELECT.

    Raises FieldError for a limit, order or iterator that is not valid. A list with
    `fixed_order` ignores the parameter `order`.
    """
    position = read_position(query, key, default_order, fixed_order=fixed_order)
    rows, done = fetch(queryset, key.field, position)
    return page_of(rows, key, done=done)


def fetch(queryset: QuerySet[Row], field: str, position: Position) -> tuple[list[Row], bool]:
    """Return the rows at `position`, and whether nothing follows; asks for one row more."""
    ascending = (position.order == "ascending") != position.backwards
    if position.after is not None:
        queryset = queryset.filter(**{f"{field}__{'gt' if ascending else 'lt'}": position.after})
    ordered = queryset.order_by(field if ascending else f"-{field}")
    rows = list(ordered[: position.limit + 1])
    done = len(rows) <= position.limit
    rows = rows[: position.limit]
    return (rows[::-1] if position.backwards else rows), done


def page_of(
    rows: Sequence[Row], key: Key, *, done: bool, reached: Any = None, upwards: bool = False
) -> Page[Row]:
    """Return a page; it goes on at `reached` instead of its last row, or `upwards` its first."""
    first = getattr(rows[0], key.field) if rows else None
    last = getattr(rows[-1], key.field) if rows else None
    if reached is not None:
        first, last = (reached, last) if upwards else (first, reached)
    newer = None if first is None else f"-{key.to_text(first)}"
    return Page(rows, None if last is None else key.to_text(last), newer, done)


def read_position(
    query: Mapping[str, str], key: Key, default_order: Order, *, fixed_order: bool = False
) -> Position:
    """Read `limit`, `order` and `iterator`; raise FieldError for one that is not valid."""
    text = query.get("iterator") or ""
    backwards = text.startswith("-")
    return Position(
        limit=_limit(query.get("limit")),
        order=default_order if fixed_order else _order(query.get("order"), default_order),
        after=_after(text.removeprefix("-"), key) if text else None,
        backwards=backwards,
    )


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_LIMIT)):
        limit = int(text)
        if 1 <= limit <= MAX_LIMIT:
            return limit
    message = f"A page has 1 to {MAX_LIMIT} rows."
    raise FieldError.at("query", "limit", "limit", message=message)


def _order(text: str | None, default: Order) -> Order:
    if not text:
        return default
    if text == "ascending":
        return "ascending"
    if text == "descending":
        return "descending"
    raise FieldError.at("query", "order", message="The order is ascending or descending.")


def _after(text: str, key: Key) -> Any:
    try:
        return key.from_text(text)
    except ValueError:
        message = "Not the iterator of this list."
        raise FieldError.at("query", "iterator", message=message) from None
