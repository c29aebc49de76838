"""What operational webhooks tell of endpoints, for those who own deliveries to send.

Nothing here knows deliveries: at start-up their owner registers a function, which lifecycle.py
and rotation.py call in the transaction of the change. So an announcement is there exactly if the
change is. Endpoints of an operational tenant are never announced: they would tell of themselves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from endpoints.models import Endpoint, EndpointHealth
from webhooks_platform.lib import ids


class Kind(StrEnum):
    """What happened to an endpoint; the event types of the wire."""

    CREATED = "endpoint.created"
    UPDATED = "endpoint.updated"
    DELETED = "endpoint.deleted"
    DISABLED = "endpoint.disabled"
    ENABLED = "endpoint.enabled"


@dataclass(frozen=True, slots=True)
class Announcement:
    """One operational event, before it is known whether anybody wants it."""

    organization_id: UUID
    kind: Kind
    #: `data` of the event.
    data: dict[str, Any]


Listener = Callable[[Sequence[Announcement]], None]
_listeners: list[Listener] = []


def on_announced(listener: Listener) -> Listener:
    """Have `listener` called with what is announced, once, in the same transaction."""
    if listener not in _listeners:
        _listeners.append(listener)
    return listener


def of(endpoint: Endpoint, kind: Kind, **more: Any) -> list[Announcement]:
    """Return what there is to tell of an endpoint as it is now; its tenant is read if need be."""
    tenant = endpoint.tenant
    if tenant.is_operational:
        return []
    data = {
        "appId": ids.to_text(ids.TENANT, tenant.id),
        "appUid": tenant.uid,
        "endpointId": ids.to_text(ids.ENDPOINT, endpoint.id),
        "endpointUid": endpoint.uid,
        **more,
    }
    return [Announcement(tenant.organization_id, kind, data)]


def of_disabled(endpoint: Endpoint) -> list[Announcement]:
    """Return what there is to tell of an endpoint that has just been disabled.

    It fails since its first exhausted delivery; where there was none, since it was disabled.
    """
    health = EndpointHealth.objects.filter(endpoint=endpoint).first()
    since = (health and health.first_exhausted_at) or endpoint.disabled_at
    by_hand = endpoint.disabled_reason == Endpoint.Disabled.BY_USER
    return of(
        endpoint,
        Kind.DISABLED,
        failSince=since and since.isoformat().replace("+00:00", "Z"),
        trigger="manual" if by_hand else "automatic",
    )


def announce(announcements: Sequence[Announcement]) -> None:
    """Tell the listeners; the caller holds the transaction."""
    if announcements:
        for listener in _listeners:
            listener(announcements)
