"""The hidden tenant of an organization that owns its operational endpoints.

It is made with the first of them. To deliveries it is a tenant like any other, so what is sent to
its endpoints is signed, retried and dead-lettered as everything is; applications do not list it.
"""

from uuid import UUID

from django.db import IntegrityError, transaction

from endpoints.audit import Actor, record_tenant
from endpoints.models import Tenant

NAME = "Operational webhooks"

#: What an operational endpoint may ask for; docs/operational-webhooks.md explains each.
EVENT_TYPES = (
    "background_task.finished",
    "endpoint.created",
    "endpoint.deleted",
    "endpoint.disabled",
    "endpoint.enabled",
    "endpoint.updated",
    "message.attempt.exhausted",
    "message.attempt.failing",
    "message.attempt.recovered",
)


def find(organization_id: UUID) -> Tenant | None:
    """Return the organization's operational tenant, if it has one."""
    rows = Tenant.objects.filter(organization_id=organization_id, is_operational=True)
    return rows.filter(deleted_at__isnull=True).first()


def find_or_create(organization_id: UUID, *, actor: Actor) -> Tenant:
    """Return the organization's operational tenant; of two that make it, one does."""
    return find(organization_id) or _create(organization_id, actor)


def _create(organization_id: UUID, actor: Actor) -> Tenant:
    try:
        with transaction.atomic():
            tenant = Tenant.objects.create(
                organization_id=organization_id, name=NAME, is_operational=True
            )
            record_tenant(actor, "tenant.created", tenant)
    except IntegrityError:
        return Tenant.objects.get(
            organization_id=organization_id, is_operational=True, deleted_at__isnull=True
        )
    return tenant
