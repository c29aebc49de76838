"""Which id an object of the source has here: its own where it fits, else one computed from it.

Computed, not drawn: a second run finds what the first has made, without a file that remembers.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from webhooks_platform.lib import ids

#: Version 7 and the variant, in their places of a UUID (RFC 9562).
_MARKS = 7 << 76 | 2 << 62
_RANDOM = (1 << 76) - 1 & ~(3 << 62)
_MILLISECOND = timedelta(milliseconds=1)


def kept(prefix: str, text: str) -> UUID | None:
    """Return the id behind `text` if it is one of ours in form, else None."""
    try:
        return ids.from_text(prefix, text)
    except ids.MalformedIdError:
        return None


def computed(text: str, created_at: Any, owner: UUID) -> UUID:
    """Return an id for the source's `text`, as old as its object; another for each owner here."""
    digest = hashlib.sha256(owner.bytes + text.encode()).digest()
    random = int.from_bytes(digest[:10]) & _RANDOM
    return UUID(int=_milliseconds(created_at) << 80 | random | _MARKS)


def _milliseconds(created_at: Any) -> int:
    try:
        when = datetime.fromisoformat(created_at)
        return max(0, (when - ids.EPOCH) // _MILLISECOND)
    except (TypeError, ValueError):
        return 0
