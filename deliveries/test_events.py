"""Send an example event to one endpoint, by hand: stored, signed and recorded like any other.

Called by the admin. Other endpoints do not get it, whatever their filters say, and if it fails
it is not tried again and leaves no dead letter.
"""

import json
from typing import Any

from django.db import transaction

from deliveries import replay
from deliveries.models import Event
from endpoints import event_types
from endpoints.audit import Actor, record_endpoint
from endpoints.models import Endpoint
from webhooks_platform.lib import ids

#: For an organization whose catalogue is empty.
DEFAULT_TYPE = "webhook.test"
#: svix's own example, which needs no catalogue.
PING = "svix.ping"


class NoExampleError(Exception):
    """The catalogue has no example of the event type."""


@transaction.atomic
def send(
    endpoint: Endpoint,
    event_type: str,
    *,
    actor: Actor,
    must_exist: bool = False,
    index: int = 0,
) -> Event:
    """Store an example of the type and make it due; raise EndpointDisabledError.

    `index` chooses among several. Where the catalogue has none a small object is sent, or with
    `must_exist` NoExampleError raised.
    """
    tenant = endpoint.tenant
    example = event_types.example(tenant.organization_id, event_type, index=index)
    if event_type == PING:
        example = {"success": True}
    if example is None and must_exist:
        raise NoExampleError(f"No schema of {event_type} has such an example.")
    event = Event.objects.create(
        id=ids.new(),
        organization_id=tenant.organization_id,
        tenant_id=tenant.id,
        event_type=event_type,
        payload=_payload(example, event_type),
    )
    replay.resend(event, endpoint, actor=actor)
    record_endpoint(actor, "endpoint.tested", endpoint, event=ids.to_text(ids.EVENT, event.id))
    return event


def _payload(example: dict[str, Any] | None, event_type: str) -> bytes:
    shown = {"test": True, "type": event_type} if example is None else example
    return json.dumps(shown, ensure_ascii=False).encode()
