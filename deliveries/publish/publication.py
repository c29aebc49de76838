"""One event that somebody wants to publish, and what became of that."""

from datetime import datetime
from enum import Enum
from typing import NamedTuple
from uuid import UUID

#: Between tags, which hold no control characters.
SEPARATOR = "\x1f"


class Publication(NamedTuple):
    """A checked publish; the fields are the columns of the publish statement, in its order."""

    event_id: UUID
    organization_id: UUID
    #: The only tenant that the caller's key works for, if it is a tenant's key.
    reach: UUID | None
    #: The tenant as the path names it, by one of the two.
    tenant_id: UUID | None
    tenant_uid: str | None
    #: Idempotency key and request, hashed (webhooks_platform.lib.idempotency).
    key_id: UUID | None
    fingerprint: UUID | None
    event_type: str
    uid: str | None
    #: Joined by commas, which no channel contains.
    channels: str | None
    payload: bytes
    #: ISO 8601.
    payload_expires_at: str | None
    correlation_id: str | None
    request_id: str | None
    traceparent: str | None
    #: ISO 8601, in UTC.
    deliver_at: str | None = None
    #: Joined by SEPARATOR.
    tags: str | None = None
    #: Sealed (message_headers.py).
    headers: bytes | None = None


class Accepted(NamedTuple):
    """The event is committed; what its answer is made of, for the first answer and repeats."""

    event_id: UUID
    uid: str | None
    event_type: str
    channels: str | None
    #: None once it has been emptied.
    payload: bytes | None
    tags: str | None = None
    deliver_at: datetime | None = None


class Refused(Enum):
    """Nothing was stored."""

    NO_TENANT = "no such tenant for this caller"
    UID_USED = "the tenant has an event with this uid"
    KEY_USED = "the idempotency key was used for another request"


Outcome = Accepted | Refused


class PublishError(Exception):
    """It is not known to be stored; the same publish may be tried again."""


class OverloadedError(PublishError):
    """Too many publishes wait for the database."""


class UnavailableError(PublishError):
    """The database is not to be had."""


def accepted(publication: Publication) -> Accepted:
    return Accepted(
        publication.event_id,
        publication.uid,
        publication.event_type,
        publication.channels,
        publication.payload,
        publication.tags,
        _moment(publication.deliver_at),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
