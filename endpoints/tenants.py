"""Create, change and delete tenants; every change is audited and raises the tenant's version."""

from collections.abc import Mapping
from typing import Any, TypedDict
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from endpoints import announcing, closing
from endpoints.announcing import Kind, announce
from endpoints.audit import Actor, record_tenant
from endpoints.changes import apply, lock_tenant, touch_catalogue, unique_uid
from endpoints.models import Endpoint, Tenant
from endpoints.policy import UNKNOWN_EVENT_TYPES
from webhooks_platform.lib import ids


class TenantValues(TypedDict, total=False):
    """What an API client or an admin may set; what is absent stays as it is."""

    uid: str | None
    name: str
    throttle_rate: int | None
    metadata: dict[str, str]
    #: Checked before (policy.checked).
    policy: dict[str, Any]


def create(
    organization_id: UUID, values: TenantValues, *, actor: Actor, known_id: UUID | None = None
) -> Tenant:
    """Store a new tenant, under the id it had elsewhere if it had one; raise UidTakenError."""
    with unique_uid(), transaction.atomic():
        tenant = Tenant.objects.create(
            id=known_id or ids.new(), organization_id=organization_id, **values
        )
        record_tenant(actor, "tenant.created", tenant)
        _touch_catalogue(tenant, tenant.policy)
    return tenant


def update(tenant: Tenant, values: TenantValues, *, actor: Actor) -> Tenant:
    """Store what differs from the row as it is now; raise UidTakenError, Tenant.DoesNotExist."""
    with unique_uid(), transaction.atomic():
        locked = lock_tenant(tenant.id)
        before = locked.policy
        changed = apply(locked, values)
        if changed:
            _touch_catalogue(locked, before)
            record_tenant(actor, "tenant.updated", locked, changed=changed)
    return locked


def delete(tenant: Tenant, *, actor: Actor) -> None:
    """End a tenant with all its endpoints, what was on its way to them and what awaited a decision.

    Its uid is free again; the rows stay, for the events and attempts that point to them.
    """
    now = timezone.now()
    with transaction.atomic():
        locked = lock_tenant(tenant.id)
        open_endpoints = Endpoint.objects.select_for_update().filter(
            tenant=locked, deleted_at__isnull=True
        )
        told = [each for e in open_endpoints for each in _ending(e, locked)]
        apply(locked, {"uid": None, "deleted_at": now})
        for endpoint in open_endpoints:
            apply(endpoint, {"uid": None, "deleted_at": now})
        closing.close([endpoint.id for endpoint in open_endpoints], closing.Ending.DELETED)
        closing.end_tenant(locked, actor=actor)
        record_tenant(actor, "tenant.deleted", locked, endpoints=len(open_endpoints))
        _touch_catalogue(locked, locked.policy)
        announce(told)


def _touch_catalogue(tenant: Tenant, before: Mapping[str, Any]) -> None:
    """After a change of a tenant with a rule of its own: publishes go by its id, uid and rule."""
    if UNKNOWN_EVENT_TYPES in before or UNKNOWN_EVENT_TYPES in tenant.policy:
        touch_catalogue(tenant.organization_id)


def _ending(endpoint: Endpoint, tenant: Tenant) -> list[announcing.Announcement]:
    # The row that is locked, so that the tenant is not read for each of its endpoints.
    endpoint.tenant = tenant
    return announcing.of(endpoint, Kind.DELETED)
