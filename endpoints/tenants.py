"""Create, change and delete tenants; every change is audited and raises the tenant's version."""

from typing import Any, TypedDict
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from endpoints import closing
from endpoints.audit import Actor, record_tenant
from endpoints.changes import apply, lock_tenant, unique_uid
from endpoints.models import Endpoint, Tenant


class TenantValues(TypedDict, total=False):
    """What an API client or an admin may set; what is absent stays as it is."""

    uid: str | None
    name: str
    throttle_rate: int | None
    metadata: dict[str, str]
    #: Checked before (policy.checked).
    policy: dict[str, Any]


def create(organization_id: UUID, values: TenantValues, *, actor: Actor) -> Tenant:
    """Store a new tenant; raise UidTakenError."""
    with unique_uid(), transaction.atomic():
        tenant = Tenant.objects.create(organization_id=organization_id, **values)
        record_tenant(actor, "tenant.created", tenant)
    return tenant


def update(tenant: Tenant, values: TenantValues, *, actor: Actor) -> Tenant:
    """Store what differs from the row as it is now; raise UidTakenError, Tenant.DoesNotExist."""
    with unique_uid(), transaction.atomic():
        locked = lock_tenant(tenant.id)
        changed = apply(locked, values)
        if changed:
            record_tenant(actor, "tenant.updated", locked, changed=changed)
    return locked


def delete(tenant: Tenant, *, actor: Actor) -> None:
    """End a tenant with all its endpoints, what was on its way to them and what awaited a decision.

    Its uid is free again; the rows stay, for the events and attempts that point to them.
    """
    now = timezone.now()
    with transaction.atomic():
        locked = lock_tenant(tenant.id)
        apply(locked, {"uid": None, "deleted_at": now})
        open_endpoints = Endpoint.objects.select_for_update().filter(
            tenant=locked, deleted_at__isnull=True
        )
        for endpoint in open_endpoints:
            apply(endpoint, {"uid": None, "deleted_at": now})
        closing.close([endpoint.id for endpoint in open_endpoints], closing.Ending.DELETED)
        closing.end_tenant(locked, actor=actor)
        record_tenant(actor, "tenant.deleted", locked, endpoints=len(open_endpoints))
