"""Times on the wire: RFC 3339 with an offset, and nothing that only some parsers read."""

import re
from datetime import UTC, datetime

#: datetime.fromisoformat takes weeks, missing seconds and text after a NUL too.
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
RULE = "A time is written as in 2026-01-31T12:00:00Z."


def parse(text: str) -> datetime:
    """Return the instant in UTC; raise ValueError for what is none."""
    if not _RFC_3339.fullmatch(text):
        raise ValueError(RULE)
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(RULE) from None
