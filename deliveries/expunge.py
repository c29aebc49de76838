"""Take content out of the record at the tenant's wish; what happened and when stays.

Called by the API. The payload of an event and the response of an attempt are the only contents.
"""

from django.db import transaction

from deliveries import closing
from deliveries.models import Attempt, Event
from endpoints.audit import Actor, record
from webhooks_platform.lib import ids

EXPUNGED_RESPONSE = "EXPUNGED"


@transaction.atomic
def expunge_payload(event: Event, *, actor: Actor) -> int:
    """Empty an event's payload and cancel what is open of it; return how many that ended.

    An attempt under way may still carry the payload.
    """
    # The event's row is locked first, as by a resend: one of the two comes after the other.
    rows = Event.objects.filter(id=event.id, tenant_id=event.tenant_id)
    rows.update(payload=None, payload_expires_at=None)
    ended = closing.cancel_event(event.id)
    _audit(event, actor, "event.payload_expunged", ids.to_text(ids.EVENT, event.id))
    return ended


@transaction.atomic
def expunge_response(attempt: Attempt, event: Event, *, actor: Actor) -> None:
    """Replace what the receiver answered to one attempt to deliver the event."""
    Attempt.objects.filter(id=attempt.id).update(response=EXPUNGED_RESPONSE)
    _audit(event, actor, "attempt.response_expunged", ids.to_text(ids.ATTEMPT, attempt.id))


def _audit(event: Event, actor: Actor, action: str, target: str) -> None:
    record(
        actor,
        action,
        organization_id=event.organization_id,
        tenant_id=event.tenant_id,
        target=target,
    )
