"""Take content out of the record, or back what is still to be delivered; what happened stays.

Called by the API. The payload of an event, with the headers of its own, and the response of an
attempt are the only contents.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection, transaction

from deliveries import closing, purge, wake
from deliveries.closing import Cancelled
from deliveries.models import Attempt, ContentPurge, Event
from endpoints.audit import Actor, record
from endpoints.models import Tenant
from webhooks_platform.lib import ids

EXPUNGED_RESPONSE = "EXPUNGED"

LOCK_EVENT = "SELECT FROM event WHERE id = %s FOR NO KEY UPDATE"


class NothingOpenError(Exception):
    """Nothing of the event waits to be delivered."""


def expunge_payload(event: Event, *, actor: Actor) -> int:
    """Empty an event's payload and cancel what is open of it; return how many that ended.

    An attempt under way may still carry the payload.
    """
    return expunge_payloads([event], actor=actor).ended


@transaction.atomic
def expunge_payloads(events: Sequence[Event], *, actor: Actor) -> Cancelled:
    """Do so for some events of one tenant, all or none of them."""
    wanted = sorted({event.id for event in events})
    if not wanted:
        return Cancelled(0, 0)
    with connection.cursor() as cursor:
        cursor.execute(purge.EMPTY, {"events": wanted, "low": wanted[0], "high": wanted[-1]})
    cancelled = closing.cancel_events(wanted)
    for event in events:
        _audit(event, actor, "event.payload_expunged", ids.to_text(ids.EVENT, event.id))
    return cancelled


@transaction.atomic
def purge_payloads(tenant: Tenant, *, actor: Actor) -> ContentPurge:
    """Start to empty all payloads that the tenant has now; delivery loops do it (purge.py)."""
    job = ContentPurge.objects.create(
        organization_id=tenant.organization_id, tenant_id=tenant.id, created_by=actor.name
    )
    record(
        actor,
        "tenant.payloads_expunged",
        organization_id=tenant.organization_id,
        tenant_id=tenant.id,
        target=ids.to_text(ids.TENANT, tenant.id),
    )
    wake.hint_after_commit(wake.REPLAY)
    return job


@transaction.atomic
def cancel(event: Event, *, actor: Actor) -> Cancelled:
    """Cancel what is open of an event, whose payload stays; raise NothingOpenError.

    An attempt under way is the last one.
    """
    _lock(event.id)
    cancelled = closing.cancel_events([event.id])
    if not any(cancelled):
        raise NothingOpenError("Nothing of this event waits to be delivered.")
    _audit(event, actor, "event.cancelled", ids.to_text(ids.EVENT, event.id))
    return cancelled


@transaction.atomic
def expunge_response(attempt: Attempt, event: Event, *, actor: Actor) -> None:
    """Replace what the receiver answered to one attempt to deliver the event."""
    Attempt.objects.filter(id=attempt.id).update(response=EXPUNGED_RESPONSE)
    _audit(event, actor, "attempt.response_expunged", ids.to_text(ids.ATTEMPT, attempt.id))


def _lock(event_id: UUID) -> None:
    """Lock the event's row, as a resend does: one of the two comes after the other."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK_EVENT, [event_id])


def _audit(event: Event, actor: Actor, action: str, target: str) -> None:
    record(
        actor,
        action,
        organization_id=event.organization_id,
        tenant_id=event.tenant_id,
        target=target,
    )
