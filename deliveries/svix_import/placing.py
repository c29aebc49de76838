"""Where an object of the source is here: under its own id where that fits, else a computed one.

Computed, not drawn: a second run finds what the first has made, without a file that remembers.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import QuerySet

from deliveries.svix_import.report import NotBroughtError
from endpoints.models import Endpoint, Tenant
from webhooks_platform.lib import ids

#: Version 7 and the variant, in their places of a UUID (RFC 9562).
_MARKS = 7 << 76 | 2 << 62
_RANDOM = (1 << 76) - 1 & ~(3 << 62)
_MILLISECOND = timedelta(milliseconds=1)

Row = TypeVar("Row", Tenant, Endpoint)


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


def found(rows: QuerySet[Row], wanted_id: UUID, uid: str | None, kind: str) -> Row | None:
    """Return what was brought before, or made here under the uid; raise NotBroughtError."""
    by_id = rows.filter(id=wanted_id).first()
    by_uid = rows.filter(uid=uid).first() if uid else None
    if by_id is not None and by_id.deleted_at is not None:
        raise NotBroughtError("it was deleted here after it had been brought")
    if by_id and by_uid and by_id != by_uid:
        raise NotBroughtError(f"another {kind} here has the uid {uid}")
    return by_id or by_uid


def _milliseconds(created_at: Any) -> int:
    try:
        when = datetime.fromisoformat(created_at)
        return max(0, (when - ids.EPOCH) // _MILLISECOND)
    except (TypeError, ValueError):
        return 0
