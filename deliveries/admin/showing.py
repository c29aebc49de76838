"""How the admin shows what came from outside: escaped, and never more than a page can bear."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Model
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from webhooks_platform.lib import ids

#: Characters of a payload that a page shows; the API has all of it.
SHOWN = 65_536
NOTHING = "-"


def link(
    model: type[Model], value: UUID | None, text: str | None = None, *, prefix: str = ""
) -> SafeString | str:
    """Return a link to a row's page, or what stands for no row; its text may be its public id."""
    if value is None:
        return NOTHING
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
    return format_html(
        '<a href="{}">{}</a>', reverse(name, args=[value]), text or ids.to_text(prefix, value)
    )


def last_answer(row: Any) -> str:
    """Return the last status and error of a delivery or a letter."""
    return f"{row.last_status_code or ''} {row.last_error or ''}".strip() or NOTHING


def badge(text: str, kind: str) -> SafeString:
    """Return a word in a frame; `kind` is good, bad, waits or quiet."""
    return format_html('<span class="badge {}">{}</span>', kind, text)


def pre(text: str) -> SafeString | str:
    """Return preformatted text, cut if it is long."""
    if not text:
        return NOTHING
    cut = "" if len(text) <= SHOWN else f"\n… {len(text) - SHOWN} more characters"
    return format_html('<pre class="readonly">{}{}</pre>', text[:SHOWN], cut)


def folded(summary: str, text: str) -> SafeString | str:
    """Return preformatted text that opens on a click."""
    if not text:
        return NOTHING
    return format_html("<details><summary>{}</summary>{}</details>", summary, pre(text))


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> SafeString | str:
    """Return a table; a cell of None is shown as nothing, and no head if there is none."""
    body = [(_cells("td", row),) for row in rows]
    if not body:
        return NOTHING
    lines = format_html_join("", "<tr>{}</tr>", body)
    head = format_html("<thead><tr>{}</tr></thead>", _cells("th", heads)) if heads else ""
    return format_html("<table>{}<tbody>{}</tbody></table>", head, lines)


def _cells(tag: str, cells: Sequence[Any]) -> SafeString:
    texts = ((NOTHING if cell is None else cell,) for cell in cells)
    return format_html_join("", f"<{tag}>{{}}</{tag}>", texts)


def moment(when: Any) -> str | None:
    """Return a time to the second, in UTC."""
    return date_format(when, "Y-m-d H:i:s") if when else None
