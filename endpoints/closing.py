"""What happens to deliveries when an endpoint closes or a tenant ends, for their owner to say.

Nothing here knows deliveries: at start-up their owner registers functions, which lifecycle.py
and tenants.py call in the transaction that disables or deletes.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from uuid import UUID

from endpoints.audit import Actor
from endpoints.models import Tenant


class Ending(StrEnum):
    """Why nothing more is sent to an endpoint."""

    #: Open deliveries are parked; enabling the endpoint sends none of them by itself.
    DISABLED = "disabled"
    #: Open deliveries are cancelled.
    DELETED = "deleted"


Listener = Callable[[Sequence[UUID], Ending], None]
TenantListener = Callable[[Tenant, Actor], None]
_listeners: list[Listener] = []
_tenant_listeners: list[TenantListener] = []


def on_closed(listener: Listener) -> Listener:
    """Have `listener` called with the endpoints that close, once, in the same transaction."""
    if listener not in _listeners:
        _listeners.append(listener)
    return listener


def close(endpoint_ids: Sequence[UUID], ending: Ending) -> None:
    """End the pending deliveries of the endpoints; the caller holds the transaction."""
    if endpoint_ids:
        for listener in _listeners:
            listener(endpoint_ids, ending)


def on_tenant_deleted(listener: TenantListener) -> TenantListener:
    """Have `listener` called with a tenant that is deleted and by whom, in the same transaction."""
    if listener not in _tenant_listeners:
        _tenant_listeners.append(listener)
    return listener


def end_tenant(tenant: Tenant, *, actor: Actor) -> None:
    """Decide what awaits a decision of a deleted tenant; the caller holds the transaction."""
    for listener in _tenant_listeners:
        listener(tenant, actor)
