"""From an authenticated request with a checked message to a Publication."""

from datetime import timedelta
from urllib.parse import parse_qs
from uuid import UUID

from django.conf import settings

from deliveries import message_headers
from deliveries.api.message_in import MessageIn
from deliveries.api.submission import Submission
from deliveries.publish import SEPARATOR, Publication
from endpoints.api.idempotency import hash_key
from webhooks_platform.api.errors import FieldError, not_found
from webhooks_platform.lib import idempotency, ids

NO_APPLICATION = "Application not found"


def make_publication(
    submission: Submission,
    message: MessageIn,
    event_id: UUID,
    *,
    key_id: UUID | None = None,
    fingerprint: UUID | None = None,
) -> Publication:
    """Return the publication; raise 404 if the path can name no tenant."""
    principal, headers = submission.principal, submission.headers
    tenant_id, tenant_uid = _tenant(submission.app)
    return Publication(
        event_id=event_id,
        organization_id=principal.organization_id,
        reach=principal.tenant_id,
        tenant_id=tenant_id,
        tenant_uid=tenant_uid,
        key_id=key_id,
        fingerprint=fingerprint,
        event_type=message.event_type,
        uid=message.uid,
        channels=",".join(message.channels) if message.channels else None,
        payload=message.payload,
        payload_expires_at=_expiry(event_id, message.retention),
        correlation_id=headers.correlation_id,
        request_id=headers.request_id,
        traceparent=headers.traceparent,
        deliver_at=None if message.deliver_at is None else message.deliver_at.isoformat(),
        tags=SEPARATOR.join(message.tags) if message.tags else None,
        headers=_sealed(event_id, message.headers),
    )


def idempotency_of(submission: Submission) -> tuple[UUID | None, UUID | None]:
    """Return the hashes of a request's idempotency key and of the request; raise the 422."""
    key = submission.headers.idempotency_key
    if key is None:
        return None, None
    fingerprint = idempotency.fingerprint(submission.body, submission.query)
    return hash_key(key, submission.principal, submission.route), fingerprint


def wants_content(query: bytes) -> bool:
    """Read `with_content`, true unless given; raise the 422."""
    if not query:
        return True
    found = parse_qs(query.decode("latin-1")).get("with_content", ["true"])[-1]
    if found not in ("true", "false"):
        raise FieldError.at("query", "with_content", message="Must be true or false.")
    return found == "true"


def _tenant(app: str) -> tuple[UUID | None, str | None]:
    """Read a path's id or uid; what begins like an id is never a uid."""
    if not app.startswith(ids.TENANT):
        if not app.isprintable():
            raise not_found(NO_APPLICATION)
        return None, app
    try:
        return ids.from_text(ids.TENANT, app), None
    except ids.MalformedIdError:
        raise not_found(NO_APPLICATION) from None


def _expiry(event_id: UUID, kept: timedelta | None) -> str | None:
    """Return when to empty the payload, unless the whole day goes before."""
    if kept is None or kept.days >= settings.ENVIRONMENT.WEBHOOKS_RETENTION_DAYS:
        return None
    return (ids.timestamp(event_id) + kept).isoformat()


def _sealed(event_id: UUID, headers: dict[str, str] | None) -> bytes | None:
    return None if headers is None else message_headers.seal(headers.items(), event_id=event_id)
