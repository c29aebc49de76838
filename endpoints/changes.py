"""Lock a versioned row, and write what has changed in it and nothing else."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.db.models import F
from django.utils import timezone

from endpoints.models import Endpoint, Organization, Tenant

UID_CONSTRAINTS = ("tenant_uid", "endpoint_uid")


class UidTakenError(Exception):
    """Another row of the same owner has this uid."""


def lock_tenant(tenant_id: UUID) -> Tenant:
    """Lock a tenant that has not been deleted, until the transaction ends; or DoesNotExist.

    NO KEY, here and below: publishes and inserts that refer to the row need not wait.
    """
    tenants = Tenant.objects.select_for_update(no_key=True)
    return tenants.get(id=tenant_id, deleted_at__isnull=True)


def lock_endpoint(endpoint_id: UUID) -> Endpoint:
    """Lock an endpoint that has not been deleted, until the transaction ends; or DoesNotExist."""
    endpoints = Endpoint.objects.select_related("tenant").select_for_update(
        of=("self",), no_key=True
    )
    return endpoints.get(id=endpoint_id, deleted_at__isnull=True, tenant__deleted_at__isnull=True)


def apply(row: Tenant | Endpoint, values: Mapping[str, Any]) -> list[str]:
    """Save the fields of a locked row that differ and raise its version; return their names."""
    changed = [name for name, value in values.items() if getattr(row, name) != value]
    if changed:
        for name in changed:
            setattr(row, name, values[name])
        row.save(update_fields=[*changed, *_raise_version(row)])
    return changed


def touch(row: Tenant | Endpoint) -> None:
    """Raise the version of a locked row whose dependants have changed."""
    row.save(update_fields=_raise_version(row))


def touch_catalogue(organization_id: UUID) -> None:
    """Raise the version of what an organization's publishes are checked by, after a change of it.

    The last row that a transaction locks, so that two do not wait for each other.
    """
    rows = Organization.objects.filter(id=organization_id)
    rows.update(catalogue_version=F("catalogue_version") + 1)


def _raise_version(row: Tenant | Endpoint) -> list[str]:
    row.version += 1
    row.updated_at = timezone.now()
    return ["version", "updated_at"]


@contextmanager
def unique_uid() -> Iterator[None]:
    """Turn the database's refusal of a second equal uid into UidTakenError."""
    try:
        yield
    except IntegrityError as error:
        # The constraint is part of the server's message, whatever its language.
        if any(f'"{name}"' in str(error) for name in UID_CONSTRAINTS):
            raise UidTakenError from None
        raise
