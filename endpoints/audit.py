"""The audit log: who changed what, when and in which request. Rows are only ever added.

Written in the transaction of the change itself, so there is neither a change without its entry
nor an entry without its change. Entries hold names of fields, never secrets, headers or URLs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from endpoints.models import AuditEntry, Endpoint, Tenant
from webhooks_platform.lib import ids

REQUEST_ID_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change: the user's name, or the API key by id, name or prefix."""

    name: str
    request_id: str | None = None


def record(
    actor: Actor,
    action: str,
    *,
    organization_id: UUID,
    tenant_id: UUID | None,
    target: str,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Add one entry; `action` is `<thing>.<past participle>`, like `endpoint.disabled`."""
    AuditEntry.objects.create(
        organization_id=organization_id,
        tenant_id=tenant_id,
        actor=actor.name,
        action=action,
        target=target,
        detail=dict(detail or {}),
        request_id=actor.request_id and actor.request_id[:REQUEST_ID_CHARACTERS],
    )


def record_tenant(actor: Actor, action: str, tenant: Tenant, **detail: Any) -> None:
    """Add an entry about a tenant."""
    record(
        actor,
        action,
        organization_id=tenant.organization_id,
        tenant_id=tenant.id,
        target=ids.to_text(ids.TENANT, tenant.id),
        detail=detail,
    )


def record_endpoint(actor: Actor, action: str, endpoint: Endpoint, **detail: Any) -> None:
    """Add an entry about an endpoint; its tenant is read if it is not loaded."""
    record(
        actor,
        action,
        organization_id=endpoint.tenant.organization_id,
        tenant_id=endpoint.tenant_id,
        target=ids.to_text(ids.ENDPOINT, endpoint.id),
        detail=detail,
    )
