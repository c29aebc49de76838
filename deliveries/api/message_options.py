"""The parts of a message that may be left out: when, how long, tags, headers of its own.

Each `…_faults` names what is wrong; what they let through the others read.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings

from deliveries import message_headers
from webhooks_platform.api.errors import Fault, fault

MAX_TAGS = 20
MAX_TAG_LENGTH = 256
RETENTION_DAYS = range(5, 91)
RETENTION_HOURS = range(1, 90 * 24 + 1)
#: How far ahead a delivery may be scheduled.
SCHEDULE_AHEAD = timedelta(days=30)

TAG_RULE = f"1 to {MAX_TAG_LENGTH} characters, none of them a control character."
_TAG = re.compile(rf"[^\x00-\x1f\x7f-\x9f]{{1,{MAX_TAG_LENGTH}}}")
#: Most messages have none of these, and are spared the look at each.
NAMES = frozenset({"deliverAt", "payloadRetentionPeriod", "payloadRetentionHours", "tags"})

_DELIVER_AT = ("body", "deliverAt")
_HEADERS = ("body", "transformationsParams", "headers")
_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def deliver_at(value: dict[str, Any]) -> datetime | None:
    """Return when the message is to be delivered, in UTC; None for at once."""
    text = value.get("deliverAt")
    return None if text is None else _moment(text)


def retention(value: dict[str, Any]) -> timedelta | None:
    """Return how long the payload is kept, where the message says so."""
    days, hours = value.get("payloadRetentionPeriod"), value.get("payloadRetentionHours")
    if days is None and hours is None:
        return None
    return timedelta(days=days or 0, hours=hours or 0)


def option_faults(value: dict[str, Any]) -> Iterator[Fault]:
    """Name what is wrong with the options of a message."""
    retention_faults = list(_retention_faults(value))
    yield from retention_faults
    yield from _schedule_faults(value, None if retention_faults else retention(value))
    yield from tag_faults(value.get("tags"))


def header_faults(headers: Any) -> Iterator[Fault]:
    """Name what is wrong with `transformationsParams.headers`."""
    if headers is None:
        return
    if not isinstance(headers, dict):
        yield fault(_HEADERS, "Must be a JSON object.", "type")
        return
    for name, text in headers.items():
        if not isinstance(text, str):
            yield fault((*_HEADERS, name), "Must be a string.", "type")
            return
    for found in message_headers.check(tuple(headers.items())):
        place = (*_HEADERS, found.name) if found.name else _HEADERS
        yield fault(place, found.message)


def tag_faults(tags: Any) -> Iterator[Fault]:
    """Name what is wrong with the tags; an empty list is as good as none."""
    if tags is None:
        return
    if not isinstance(tags, list):
        yield fault(("body", "tags"), "Must be a list.", "type")
    elif len(tags) > MAX_TAGS:
        yield fault(("body", "tags"), f"Takes up to {MAX_TAGS} tags.")
    else:
        for index, tag in enumerate(tags):
            if not isinstance(tag, str):
                yield fault(("body", "tags", index), "Must be a string.", "type")
            elif not is_tag(tag):
                yield fault(("body", "tags", index), TAG_RULE)


def is_tag(text: str) -> bool:
    return _TAG.fullmatch(text) is not None


def _retention_faults(value: dict[str, Any]) -> Iterator[Fault]:
    given = [name for name in ("payloadRetentionPeriod", "payloadRetentionHours")
             if value.get(name) is not None]  # fmt: skip
    for name in given:
        days = name == "payloadRetentionPeriod"
        allowed, unit = (RETENTION_DAYS, "days") if days else (RETENTION_HOURS, "hours")
        if type(value[name]) is not int:
            yield fault(("body", name), "Must be an integer.", "type")
        elif value[name] not in allowed:
            yield fault(("body", name), f"Takes {allowed.start} to {allowed.stop - 1} {unit}.")
    if len(given) > 1:
        message = "Give payloadRetentionPeriod or payloadRetentionHours, not both."
        yield fault(("body", "payloadRetentionHours"), message)


def _schedule_faults(value: dict[str, Any], kept: timedelta | None) -> Iterator[Fault]:
    text = value.get("deliverAt")
    if text is None:
        return
    when = _moment(text)
    if when is None:
        yield fault(_DELIVER_AT, "A time is written as in 2026-01-31T12:00:00Z.", _kind(text))
        return
    ahead = when - datetime.now(UTC)
    if ahead > SCHEDULE_AHEAD:
        yield fault(_DELIVER_AT, f"Must be within {SCHEDULE_AHEAD.days} days from now.")
    elif ahead >= min(kept or timedelta.max, _kept_at_most()):
        yield fault(_DELIVER_AT, "Must be before the payload's retention is over.")


def _moment(text: Any) -> datetime | None:
    if not isinstance(text, str) or not _RFC_3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _kind(text: Any) -> str:
    return "" if isinstance(text, str) else "type"


def _kept_at_most() -> timedelta:
    return timedelta(days=settings.ENVIRONMENT.WEBHOOKS_RETENTION_DAYS)
