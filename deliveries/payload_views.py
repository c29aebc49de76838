"""Show a payload to a person: whoever opens one leaves an entry in the audit log.

Called by the admin. Services read the payloads that they published over the API, with keys whose
scopes say so.
"""

from django.db import transaction

from deliveries.models import Event
from endpoints.audit import Actor, record
from webhooks_platform.lib import ids


@transaction.atomic
def view_payload(event: Event, actor: Actor) -> bytes | None:
    """Return the event's payload, which is read anew; None, without an entry, if it is gone.

    The entry is committed with the caller's transaction: show nothing before that.
    """
    rows = Event.objects.filter(id=event.id, tenant_id=event.tenant_id)
    payload = rows.values_list("payload", flat=True).first()
    if payload is None:
        return None
    record(
        actor,
        "payload.viewed",
        organization_id=event.organization_id,
        tenant_id=event.tenant_id,
        target=ids.to_text(ids.EVENT, event.id),
    )
    return bytes(payload)
